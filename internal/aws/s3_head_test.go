package aws

import (
	"testing"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
)

// TestHeadRetriesToLearnWhy throttles the GET that explains a refused HEAD.
func TestHeadRetriesToLearnWhy(t *testing.T) {
	server, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := server.CreateBucket("bucket", sandbox.BucketOptions{}); err != nil {
		t.Fatal(err)
	}
	server.SetFaults(sandbox.Rule{Operation: "GetObject", Times: 2, Fault: sandbox.Fault{Kind: sandbox.SlowDown}})
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "testtest")
	cfg, err := Load(t.Context(), Settings{EndpointURL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	s := NewS3(cfg)
	defer s.Close()
	if _, err := s.Head(t.Context(), object.Object{Bucket: "bucket", Key: "none"}); fault.ReasonOf(err) != fault.NoSuchKey {
		t.Errorf("%v, want NoSuchKey", err)
	}
}
