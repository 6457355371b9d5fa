package status_test

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"s3bundler/internal/aws"
	"s3bundler/internal/fault"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/queue"
	"s3bundler/internal/sandbox"
	"s3bundler/internal/status"
)

func TestSendFailed(t *testing.T) {
	w := newWorld(t)
	w.bundle(w.manifest(0, "src,here,5\n"))
	odd := object.Location{Bucket: "dst", Key: `manifests/a+b "c" <d>.index`}
	w.plant(odd.Bucket, odd.Key, sandbox.Planted{Body: []byte("src,here,5\n")})
	left := w.manifest(1, "src,here,5\n")
	failed, err := status.New(w.s3, options()).Failed(t.Context())
	if want := []object.Location{odd, left}; err != nil || !slices.Equal(failed, want) {
		t.Fatalf("failed: %v, %v; want %v", failed, err, want)
	}
	if err := w.queues.Create("work", nil); err != nil {
		t.Fatal(err)
	}
	q, err := aws.OpenQueue(t.Context(), w.cfg, "work")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := status.Send(t.Context(), q, failed); n != 2 || err != nil {
		t.Fatalf("%d sent, %v", n, err)
	}
	bodies, err := w.queues.Bodies("work")
	if err != nil {
		t.Fatal(err)
	}
	var got []object.Location
	for _, b := range bodies {
		e, err := queue.ParseEvent(queue.Message{Body: b})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Manifests[0].Location)
	}
	slices.SortFunc(got, func(a, b object.Location) int { return strings.Compare(a.Key, b.Key) })
	if !slices.Equal(got, failed) {
		t.Errorf("the messages name %v", got)
	}
}

// TestRetry archives the dead letters of a manifest after their objects came.
func TestRetry(t *testing.T) {
	w := newWorld(t)
	m := w.manifest(0, "src,here,5\nsrc,late+key,4\n")
	first := w.bundle(m)[0]
	dlq := object.Location{Bucket: "dst", Key: m.Key + ".dlq"}
	w.plant("src", "late key", sandbox.Planted{Body: []byte("late")})
	r, err := status.NewRetry(t.Context(), w.s3, dlq, nil, manifest.Fields{})
	if err != nil || string(r.Text) != "src,late+key,4\n" || r.Rows != 1 || r.LeftOut != 0 {
		t.Fatalf("%+v %q, %v", r, r.Text, err)
	}
	for range 2 { // to do it again changes nothing
		if err := r.Store(t.Context(), w.s3); err != nil {
			t.Fatal(err)
		}
	}
	if second := w.bundle(r.Manifest)[0]; second == first {
		t.Errorf("both archives have the index %s", first)
	}
	report := w.look(options()).Report(options())
	if report.Count != (status.Progress{Done: 2, Total: 2}) || report.DeadLetters["NoSuchKey"] != 1 {
		t.Errorf("%+v, dead letters %v", report.Count, report.DeadLetters)
	}
	again, err := status.NewRetry(t.Context(), w.s3, object.Location{Bucket: "dst", Key: r.Manifest.Key + ".dlq"}, nil, manifest.Fields{})
	if fault.ReasonOf(err) != fault.NoSuchKey {
		t.Errorf("dead letters that are not there: %+v, %v", again, err)
	}
}

func TestRetryRows(t *testing.T) {
	w := newWorld(t)
	dlq := object.Location{Bucket: "dst", Key: "manifests/x.0.retry-0123456789ab.index.dlq"}
	w.plant(dlq.Bucket, dlq.Key, sandbox.Planted{Body: []byte(
		"src,a,1,,Retry\nsrc,\"b,c\",2,2026-11-23 11:36:13+00:00,Glacier\nsrc,d,x,,BadRow\nsrc,e,3,,BadRow\nno row\n\"broken\n")})
	for _, tt := range []struct {
		reasons []fault.Reason
		want    string
		leftOut int
	}{
		{nil, "src,a,1\nsrc,\"b,c\",2\n", 4},
		{[]fault.Reason{fault.Glacier}, "src,\"b,c\",2\n", 5},
		{[]fault.Reason{fault.BadRow}, "src,e,3\n", 5},
		{[]fault.Reason{fault.AccessDenied}, "", 6},
	} {
		r, err := status.NewRetry(t.Context(), w.s3, dlq, tt.reasons, manifest.Fields{})
		if err != nil || string(r.Text) != tt.want || r.LeftOut != tt.leftOut || r.Rows != strings.Count(tt.want, "\n") {
			t.Errorf("%v: %+v, %q, %v", tt.reasons, r, r.Text, err)
		}
		if rest, ok := strings.CutPrefix(r.Manifest.Key, "manifests/x.0.retry-"); !ok || len(rest) != len("0123456789ab.index") || strings.HasPrefix(rest, "0123456789ab") {
			t.Errorf("it would be named %s", r.Manifest)
		}
	}
}

// TestRetryVersions: dead letters of a manifest that tells versions tell them
// too.
func TestRetryVersions(t *testing.T) {
	const letters = "src,a,1,,Retry,v1\nsrc,a,2,,Retry,\"v,2\"\nsrc,b,2,,Retry,\nsrc,c,2,,Retry,v,x\n"
	for columns, want := range map[string]string{
		"": "src,a,1,v1\nsrc,a,2,\"v,2\"\nsrc,b,2,\n",
		"Bucket Key VersionId IsLatest Size ETag": "src,a,v1,,1,\nsrc,a,\"v,2\",,2,\nsrc,b,,,2,\n",
		"Bucket Key Size":                         "",
	} {
		var fields manifest.Fields
		if columns != "" {
			if err := fields.Set(columns); err != nil {
				t.Fatal(err)
			}
		}
		r, err := status.RetryOf(strings.NewReader(letters), fields)
		if want == "" {
			if fault.ExitCode(err) != 2 || !strings.Contains(err.Error(), "VersionId") {
				t.Errorf("%s: %v", columns, err)
			}
			continue
		}
		if err != nil || string(r.Text) != want || r.LeftOut != 1 {
			t.Errorf("%s: %+v %q, %v; want %q", columns, r, r.Text, err, want)
		}
	}
}

// The error for columns that have no place for versions says of which letters.
func TestRetryWithoutVersions(t *testing.T) {
	w := newWorld(t)
	dlq := object.Location{Bucket: "dst", Key: "manifests/x.0.index.dlq"}
	w.plant(dlq.Bucket, dlq.Key, sandbox.Planted{Body: []byte("src,a,1,,Retry,v1\n")})
	if _, err := status.NewRetry(t.Context(), w.s3, dlq, nil, manifest.DefaultFields()); fault.ExitCode(err) != 2 || !strings.Contains(err.Error(), dlq.String()) {
		t.Errorf("%v", err)
	}
}

// FuzzRetry makes manifests of anything: each has rows of three columns, or
// four.
func FuzzRetry(f *testing.F) {
	f.Add([]byte("src,a,1,,Retry\n"))
	f.Add([]byte("src,\"a\nb\",1,,Retry\r\n\"\n,,,,\n"))
	f.Fuzz(func(t *testing.T, letters []byte) {
		r, err := status.RetryOf(bytes.NewReader(letters), manifest.Fields{})
		if err != nil {
			t.Fatal(err)
		}
		rows := csv.NewReader(bytes.NewReader(r.Text))
		rows.FieldsPerRecord = -1
		got, err := rows.ReadAll()
		if slices.ContainsFunc(got, func(row []string) bool { return len(row) != 3 && len(row) != 4 }) {
			t.Errorf("rows %q", got)
		}
		if err != nil || len(got) != r.Rows {
			t.Errorf("%d rows, want %d: %v: %q", len(got), r.Rows, err, r.Text)
		}
	})
}
