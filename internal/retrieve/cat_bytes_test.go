package retrieve_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"s3bundler/internal/archive"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
)

// TestCatReadsLittle reads objects out of a compressed archive of 4 GiB, and
// counts what S3 sends.
func TestCatReadsLittle(t *testing.T) {
	var sent atomic.Int64
	w := newWorldWith(t, sandbox.Options{After: func(e sandbox.Exchange) {
		if e.Operation == "GetObject" {
			sent.Add(e.Sent)
		}
	}})
	// A run of gzip blocks that holds no end of the archive can be repeated:
	// the whole is an archive again, and costs no more memory than one run.
	const runs = 512
	var run bytes.Buffer
	var rows []index.Row
	placed := 0
	aw := archive.NewWriter(&run, archive.Options{Compress: true, Placed: func(p archive.Place) {
		rows[placed].Place = &p
		placed++
	}})
	rng := rand.New(rand.NewPCG(1, 1))
	var bodies [][]byte
	for i := range 10 {
		b := make([]byte, 860_000+rng.IntN(10_000))
		for k := range b {
			b[k] = byte(rng.Uint32())
		}
		bodies = append(bodies, b)
		rows = append(rows, index.Row{Bucket: "src1", Key: fmt.Sprintf("object-%d", i), Size: int64(len(b)), LastModified: when, Checksum: md5of(b)})
		check(t, aw.Begin("src1/"+rows[i].Key, int64(len(b)), when))
		if _, err := aw.Write(b); err != nil {
			t.Fatal(err)
		}
		check(t, aw.Commit())
	}
	check(t, aw.Mark()) // the blocks are complete, and no end is written
	aw.Abandon()
	w.store(object.Location{Bucket: "src1", Key: "run"}, run.Bytes())
	w.concatenate("/src1/run", "/dst/x.tar.gz", runs)
	var lines []byte
	for i := range runs {
		for _, r := range rows {
			p := *r.Place
			p.Block += int64(i) * int64(run.Len())
			r.Place, r.Key = &p, fmt.Sprintf("%03d/%s", i, r.Key)
			lines = r.Append(lines)
		}
	}
	w.store(object.Location{Bucket: "dst", Key: "x.index"}, lines)
	attr, err := w.s3.Head(t.Context(), object.At(object.Location{Bucket: "dst", Key: "x.tar.gz"}))
	if err != nil || attr.Size < 4<<30 {
		t.Fatalf("an archive of %d bytes, %v", attr.Size, err)
	}
	for _, key := range []string{"000/object-0", "255/object-5", "511/object-9"} {
		row := w.list(retrieve.Filter{Keys: []object.Pattern{object.LiteralPattern(key)}}, "s3://dst/x.index")[0].Row
		sent.Store(0)
		got, err := w.cat("s3://dst/x.index", key, retrieve.CatOptions{})
		if want := bodies[key[len(key)-1]-'0']; err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %d bytes, %v", key, len(got), err)
		}
		beyond := sent.Load() - row.Place.BlockLength
		t.Logf("%s, %d bytes: read %d of %d, its index included; %d beyond its block", key, len(got), sent.Load(), attr.Size, beyond)
		if beyond >= 1<<20 {
			t.Errorf("%s: read %d bytes beyond its block", key, beyond)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// concatenate makes an object of n copies of another, inside S3.
func (w *world) concatenate(from, to string, n int) {
	w.t.Helper()
	send := func(method, query, body string, answer any) {
		req, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL()+to+"?"+query, strings.NewReader(body))
		check(w.t, err)
		if method == http.MethodPut {
			req.Header.Set("X-Amz-Copy-Source", from)
		}
		resp, err := http.DefaultClient.Do(req)
		check(w.t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		check(w.t, err)
		if resp.StatusCode != http.StatusOK {
			w.t.Fatalf("%s %s: %s: %s", method, query, resp.Status, text)
		}
		check(w.t, xml.Unmarshal(text, answer))
	}
	var upload struct {
		ID string `xml:"UploadId"`
	}
	send(http.MethodPost, "uploads", "", &upload)
	var complete strings.Builder
	for i := range n {
		var part struct{ ETag string }
		send(http.MethodPut, fmt.Sprintf("partNumber=%d&uploadId=%s", i+1, upload.ID), "", &part)
		fmt.Fprintf(&complete, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, part.ETag)
	}
	var done struct{ ETag string }
	send(http.MethodPost, "uploadId="+upload.ID, "<CompleteMultipartUpload>"+complete.String()+"</CompleteMultipartUpload>", &done)
	http.DefaultClient.CloseIdleConnections()
}
