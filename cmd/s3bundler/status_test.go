package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"s3bundler/internal/sandbox"
)

func TestStatusAndRedrive(t *testing.T) {
	s := startService(t, sandbox.Options{})
	if err := s.queues.Create("dead", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.queues.Create("work", map[string]string{
		"VisibilityTimeout": "600", "RedrivePolicy": `{"maxReceiveCount":3,"deadLetterTargetArn":"` + s.queues.ARN("dead") + `"}`,
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.queues.Send("dead", "{}"); err != nil {
		t.Fatal(err)
	}
	plant(t, s.Server, "src", "a", sandbox.Planted{Body: []byte("a")})
	plant(t, s.Server, "dst", "manifests/m.0.index", manifestOf("src,a,1", "src,gone,2"))
	plant(t, s.Server, "dst", "manifests/m.1.index", manifestOf("src,a,1"))
	if r := run(t, s.URL(), "-m", "s3://dst/manifests/m.0.index", "-b", "dst", "-p", "archive"); r.exit != 0 {
		t.Fatalf("exit %d:\n%s", r.exit, r.stderr)
	}
	places := []string{"--manifests", "s3://dst/manifests", "--archives", "s3://dst/archive", "-q", "work"}

	html := filepath.Join(t.TempDir(), "status.html")
	r := run(t, s.URL(), append([]string{"status", "--json", "--html", html}, places...)...)
	var report struct {
		ManifestCount struct{ Done, Left int }
		DeadLetters   map[string]int
		Queue         struct{ DeadLetterQueue struct{ Messages int } }
	}
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.exit != 0 {
		t.Fatalf("exit %d, %v:\n%s%s", r.exit, err, r.stdout, r.stderr)
	}
	if report.ManifestCount.Done != 1 || report.ManifestCount.Left != 1 || report.DeadLetters["NoSuchKey"] != 1 || report.Queue.DeadLetterQueue.Messages != 1 {
		t.Errorf("%+v", report)
	}
	if page, err := os.ReadFile(html); err != nil || !strings.Contains(string(page), "NoSuchKey") {
		t.Errorf("the page: %v\n%s", err, page)
	}
	// What is no regular file is not replaced by one.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(html, link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(html, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{link, "/dev/stdout"} {
		if r := run(t, s.URL(), append([]string{"status", "--html", to}, places...)...); r.exit != 0 || strings.Contains(r.stdout, "</html>") != (to != link) {
			t.Errorf("a page to %s: exit %d\n%s%s", to, r.exit, r.stdout, r.stderr)
		}
	}
	at, _ := os.Readlink(link)
	if page, err := os.ReadFile(html); at != html || err != nil || !strings.Contains(string(page), "</html>") {
		t.Errorf("the link leads to %q, the page is %q, %v", at, page, err)
	}

	for _, tt := range []struct {
		name      string
		args      []string
		exit      int
		out, says string
		messages  int // in the queue afterwards
	}{
		{"dry run", append([]string{"redrive", "--dry-run"}, places...), 0, "s3://dst/manifests/m.1.index\n", "1 manifest would be sent", 0},
		{"failed", append([]string{"redrive"}, places...), 0, "s3://dst/manifests/m.1.index\n", "sent to queue work", 1},
		{"busy", append([]string{"redrive"}, places...), 2, "", "--anyway", 1},
		{"anyway", append([]string{"redrive", "--anyway"}, places...), 0, "m.1.index", "sent", 2},
		{"dead letters", []string{"redrive", "--dlq", "s3://dst/manifests/", "-q", "work"}, 0, "s3://dst/manifests/m.0.retry-", "sent", 3},
		{"other reasons", []string{"redrive", "--dlq", "s3://dst/manifests/", "--reason", "Retry", "-q", "work"}, 0, "", "0 manifests", 3},
		{"nowhere", []string{"redrive", "--dlq", "s3://dst/manifest/", "-q", "work"}, 5, "", "s3://dst/manifest/", 3},
		{"unknown reason", []string{"redrive", "--dlq", "s3://dst/manifests/", "--reason", "retry"}, 2, "", "ChecksumMismatch", 3},
		{"no queue", append([]string{"redrive"}, places[:4]...), 2, "", "--queue", 3},
		{"no places", []string{"status"}, 2, "", "--manifests", 3},
		{"no dead-letter index", []string{"redrive", "--dlq", "s3://dst/manifests/m.0.index"}, 2, "", ".dlq", 3},
		{"no manifests", []string{"status", "--manifests", "s3://dst/none/", "--archives", "s3://dst/archive"}, 5, "", "s3://dst/none/", 3},
	} {
		r := run(t, s.URL(), tt.args...)
		if r.exit != tt.exit || !strings.Contains(r.stdout, tt.out) || !strings.Contains(r.stderr, tt.says) {
			t.Errorf("%s: exit %d\n%s%s", tt.name, r.exit, r.stdout, r.stderr)
		}
		if d, err := s.queues.Depth("work"); err != nil || d.Visible != tt.messages {
			t.Errorf("%s: %+v messages, %v", tt.name, d, err)
		}
	}
}
