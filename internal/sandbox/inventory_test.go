package sandbox

import (
	"strings"
	"testing"
)

func TestInventoryConfiguration(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Options{Dir: dir})
	const body = "<InventoryConfiguration><Id>all</Id><IsEnabled>true</IsEnabled><IncludedObjectVersions>Current</IncludedObjectVersions>" +
		"<Schedule><Frequency>Daily</Frequency></Schedule><Destination><S3BucketDestination><Bucket>arn:aws:s3:::dst</Bucket>" +
		"<Format>CSV</Format></S3BucketDestination></Destination></InventoryConfiguration>"
	want(t, 404, s, "GET", "/src?inventory&id=all", "")
	want(t, 404, s, "DELETE", "/src?inventory&id=all", "")
	want(t, 200, s, "PUT", "/src?inventory&id=all", body)
	for _, wrong := range []string{
		strings.Replace(body, "Daily", "Hourly", 1), strings.Replace(body, "CSV", "XML", 1), strings.Replace(body, "all", "other", 1),
		strings.Replace(body, "<IsEnabled>true</IsEnabled>", "", 1), "", "<x/>",
	} {
		want(t, 400, s, "PUT", "/src?inventory&id=all", wrong)
	}
	want(t, 501, s, "GET", "/src?inventory", "")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Start(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, got := want(t, 200, s, "GET", "/src?inventory&id=all", ""); got != body {
		t.Error(got)
	}
	want(t, 204, s, "DELETE", "/src?inventory&id=all", "")
	want(t, 404, s, "GET", "/src?inventory&id=all", "")
}

func TestRequesterPays(t *testing.T) {
	s := start(t, Options{})
	if err := s.CreateBucket("paid", BucketOptions{RequesterPays: true}); err != nil {
		t.Fatal(err)
	}
	want(t, 403, s, "PUT", "/paid/k", "x")
	if h, _ := want(t, 200, s, "PUT", "/paid/k", "x", "x-amz-request-payer", "requester"); h.Get("x-amz-request-charged") != "requester" {
		t.Errorf("%v", h)
	}
	want(t, 403, s, "GET", "/paid/k", "")
}
