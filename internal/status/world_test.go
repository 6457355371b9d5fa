package status_test

import (
	"fmt"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"s3bundler/internal/aws"
	"s3bundler/internal/bundler"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
	"s3bundler/internal/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a sandbox with a source bucket "src", which has the object "here"
// of five bytes, and a bucket "dst" for manifests and archives.
type world struct {
	t      *testing.T
	server *sandbox.Server
	queues *sandbox.Queues
	cfg    aws.Config
	s3     *aws.S3
}

func newWorld(t *testing.T) *world {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	w := &world{t: t, queues: sandbox.NewQueues(sandbox.QueueOptions{})}
	var err error
	if w.server, err = sandbox.Start(sandbox.Options{Queues: w.queues}); err != nil {
		t.Fatal(err)
	}
	if w.cfg, err = aws.Load(t.Context(), aws.Settings{EndpointURL: w.server.URL()}); err != nil {
		t.Fatal(err)
	}
	w.s3 = aws.NewS3(w.cfg)
	t.Cleanup(func() {
		w.s3.Close()
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, b := range []string{"src", "dst"} {
		if err := w.server.CreateBucket(b, sandbox.BucketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	w.plant("src", "here", sandbox.Planted{Body: []byte("hello")})
	return w
}

func (w *world) plant(bucket, key string, p sandbox.Planted) {
	w.t.Helper()
	if _, _, err := w.server.Plant(bucket, key, p); err != nil {
		w.t.Fatal(err)
	}
}

// manifest stores number n below s3://dst/manifests/.
func (w *world) manifest(n int, rows string) object.Location {
	w.t.Helper()
	at := object.Location{Bucket: "dst", Key: fmt.Sprintf("manifests/m.%d.index", n)}
	w.plant(at.Bucket, at.Key, sandbox.Planted{Body: []byte(rows)})
	return at
}

// bundle archives manifests below s3://dst/archive/, and returns the indexes.
func (w *world) bundle(manifests ...object.Location) (indexes []object.Location) {
	w.t.Helper()
	b := bundler.New(w.s3, bundler.Options{
		Archive: layout.In("dst", "archive"), Fields: manifest.DefaultFields(), MaxSize: object.MiB,
	}, slog.New(slog.DiscardHandler))
	for _, m := range manifests {
		r, err := b.Bundle(w.t.Context(), m)
		if err != nil {
			w.t.Fatal(err)
		}
		indexes = append(indexes, r.Index)
	}
	return indexes
}

func (w *world) remove(l object.Location) {
	w.t.Helper()
	if err := w.server.Delete(l.Bucket, l.Key); err != nil {
		w.t.Fatal(err)
	}
}

func options() status.Options {
	return status.Options{
		Manifests: object.Location{Bucket: "dst", Key: "manifests"}, Archives: object.Location{Bucket: "dst", Key: "/archive/"},
		Fields: manifest.DefaultFields(),
	}
}

func (w *world) look(opt status.Options) *status.Found {
	w.t.Helper()
	f, err := status.New(w.s3, opt).Look(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}
