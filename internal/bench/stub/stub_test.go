package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"s3bundler/internal/aws"
	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// start runs the stub until the test ends; ask sends it a line.
func start(t *testing.T, text string) (s *aws.S3, ask func() Counts) {
	t.Helper()
	orders, in := io.Pipe()
	out, answers := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(time.Millisecond, text, orders, answers)
		answers.CloseWithError(err)
		ended <- err
	}()
	lines := bufio.NewReader(out)
	url, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	cfg, err := aws.Load(t.Context(), aws.Settings{EndpointURL: url[:len(url)-1]})
	if err != nil {
		t.Fatal(err)
	}
	s = aws.NewS3(cfg)
	t.Cleanup(func() {
		s.Close()
		in.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s, func() (c Counts) {
		if _, err := fmt.Fprintln(in, "counts"); err != nil {
			t.Fatal(err)
		}
		line, err := lines.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &c)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// TestObjects reads objects as the bundler does, which checks their sums.
func TestObjects(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("all work and no play\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, ask := start(t, text)
	for _, tt := range []struct {
		bucket    string
		size      int64
		multipart bool
	}{
		{"bin-0", 0, false}, {"bin-10240", 10240, false}, {"text-3000", 3000, false},
		{"bin-20000000", 20_000_000, false}, {"bin-100000000", 100_000_000, false}, {"bin-20000000-multipart", 20_000_000, true},
	} {
		objs := func(yield func(object.Object, error) bool) {
			for i := range 3 {
				if !yield(object.Object{Bucket: tt.bucket, Key: fmt.Sprintf("obj-%d.bin", i), Size: tt.size}, nil) {
					return
				}
			}
		}
		opt := fetch.Options{Budget: fetch.NewBudget(64 << 20), Limiter: fetch.NewLimiter(8), Stats: &fetch.Stats{}}
		n := 0
		for it, err := range fetch.Ordered(t.Context(), s, objs, opt) {
			if err == nil && it.Err != nil {
				err = it.Err
			}
			if err != nil {
				t.Fatal(tt.bucket, err)
			}
			if _, ok := it.Whole(); !ok {
				_, err = it.WriteTo(io.Discard)
			}
			if err != nil || it.Attr.Size != tt.size || it.Attr.Multipart() != tt.multipart || it.Attr.Checksum == (object.Checksum{}) {
				t.Errorf("%s: %v, %+v", tt.bucket, err, it.Attr)
			}
			n++
		}
		if n != 3 {
			t.Errorf("%s: %d objects", tt.bucket, n)
		}
	}
	if c := ask(); c.Gets < 18 || c.Bytes < 3*140_000_000 || c.CPU <= 0 || c.Puts != 0 || c.Lists != 0 {
		t.Errorf("counted %+v", c)
	}
	if c := ask(); c.Gets != 0 || c.Bytes != 0 {
		t.Errorf("after it: %+v", c)
	}
}

func TestUploads(t *testing.T) {
	s, _ := start(t, "")
	kept := object.Location{Bucket: "kept", Key: "a b/c"}
	content := bytes.Repeat([]byte("0123456789"), 2_000_000) // more than one part
	for _, l := range []object.Location{kept, {Bucket: "archive", Key: "k"}} {
		stored, err := s.Upload(t.Context(), l, bytes.NewReader(content), store.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := s.Head(t.Context(), object.At(l))
		if err != nil || a.Size != int64(len(content)) || a.ETag != stored.ETag || a.Checksum != stored.Checksum {
			t.Errorf("%s: %+v, %v; stored %+v", l, a, err, stored)
		}
		if _, err := s.Put(t.Context(), l, nil, store.PutOptions{IfAbsent: true}); !errors.Is(err, store.ErrExists) {
			t.Errorf("put again: %v", err)
		}
	}
	body, _, err := s.Open(t.Context(), object.At(kept), store.Range{Offset: 7, Length: 10})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(body)
	body.Close()
	if string(got) != "7890123456" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if _, _, err := s.Open(t.Context(), object.At(kept), store.Range{Offset: int64(len(content)), Length: 1}); !errors.Is(err, store.ErrRange) {
		t.Errorf("beyond the end: %v", err)
	}
	if _, err := s.Head(t.Context(), object.Object{Bucket: "kept", Key: "none"}); fault.ReasonOf(err) != fault.NoSuchKey {
		t.Errorf("what is not there: %v", err)
	}
	o := object.At(kept)
	o.ETag = "another"
	if _, _, err := s.Open(t.Context(), o, store.Range{}); fault.ReasonOf(err) != fault.Changed {
		t.Errorf("another ETag: %v", err)
	}
	id, err := s.CreateUpload(t.Context(), kept, store.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AbortUpload(context.Background(), kept, id); err != nil {
		t.Error(err)
	}
	if _, err := s.UploadPart(t.Context(), kept, id, 1, []byte("x"), object.CRC64NVME(0)); err == nil {
		t.Error("a part of an aborted upload was taken")
	}
}
