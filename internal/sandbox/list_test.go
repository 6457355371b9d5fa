package sandbox

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// versionsPage is a page of ListObjectVersions.
type versionsPage struct {
	Truncated  bool   `xml:"IsTruncated"`
	NextKey    string `xml:"NextKeyMarker"`
	NextID     string `xml:"NextVersionIdMarker"`
	Encoding   string `xml:"EncodingType"`
	MaxKeys    int
	Versions   []versionLine `xml:"Version"`
	Markers    []versionLine `xml:"DeleteMarker"`
	CommonPref []string      `xml:"CommonPrefixes>Prefix"`
}

type versionLine struct {
	Key       string
	VersionID string `xml:"VersionId"`
	IsLatest  bool
}

// allVersions walks all pages and gives what they list, versions as key=ID.
func allVersions(t *testing.T, s *Server, bucket, query string) (versions, markers, prefixes []string) {
	t.Helper()
	next := ""
	for range 100 {
		_, body := want(t, 200, s, "GET", "/"+bucket+"?versions&"+query+next, "")
		var p versionsPage
		if err := xml.Unmarshal([]byte(body), &p); err != nil {
			t.Fatal(err)
		}
		if n := len(p.Versions) + len(p.Markers) + len(p.CommonPref); n > p.MaxKeys {
			t.Errorf("%d on a page of %d", n, p.MaxKeys)
		}
		for _, v := range p.Versions {
			versions = append(versions, v.Key+"="+v.VersionID)
		}
		for _, v := range p.Markers {
			markers = append(markers, fmt.Sprintf("%s=%s %v", v.Key, v.VersionID, v.IsLatest))
		}
		prefixes = append(prefixes, p.CommonPref...)
		if !p.Truncated {
			return versions, markers, prefixes
		}
		next = "&key-marker=" + url.QueryEscape(p.NextKey)
		if p.NextID != "" {
			next += "&version-id-marker=" + url.QueryEscape(p.NextID)
		}
	}
	t.Fatal("no end of pages")
	return nil, nil, nil
}

func TestVersionPages(t *testing.T) {
	s := start(t, Options{})
	if err := s.CreateBucket("versions", BucketOptions{Versioned: true}); err != nil {
		t.Fatal(err)
	}
	var all, top []string
	for _, k := range []string{"a", "b/1", "b/2", "c d"} {
		var ofKey []string
		for range 3 {
			_, id, err := s.Plant("versions", k, Planted{})
			if err != nil {
				t.Fatal(err)
			}
			ofKey = append([]string{k + "=" + id}, ofKey...)
		}
		all = append(all, ofKey...)
		if !strings.Contains(k, "/") {
			top = append(top, ofKey...)
		}
	}
	if err := s.Delete("versions", "b/2"); err != nil {
		t.Fatal(err)
	}
	for _, max := range []int{1, 2, 3, 4, 5, 12, 13, 1000} {
		versions, markers, prefixes := allVersions(t, s, "versions", fmt.Sprintf("max-keys=%d", max))
		if !slices.Equal(versions, all) || len(markers) != 1 || !strings.HasSuffix(markers[0], " true") || len(prefixes) != 0 {
			t.Errorf("%d a page: %q %q %q", max, versions, markers, prefixes)
		}
		versions, markers, prefixes = allVersions(t, s, "versions", fmt.Sprintf("delimiter=/&max-keys=%d", max))
		if !slices.Equal(versions, top) || len(markers) != 0 || !slices.Equal(prefixes, []string{"b/"}) {
			t.Errorf("by folder, %d a page: %q %q %q", max, versions, markers, prefixes)
		}
	}
	if versions, _, _ := allVersions(t, s, "versions", "prefix=c&encoding-type=url"); len(versions) != 3 || !strings.HasPrefix(versions[0], "c+d=") {
		t.Errorf("%q", versions)
	}
	want(t, 400, s, "GET", "/versions?versions&version-id-marker=x", "")
}

func TestSuspendedVersioning(t *testing.T) {
	s := start(t, Options{})
	status := func(v string) {
		want(t, 200, s, "PUT", "/src?versioning", "<VersioningConfiguration><Status>"+v+"</Status></VersioningConfiguration>")
	}
	want(t, 200, s, "PUT", "/src/k", "null")
	status("Enabled")
	h, _ := want(t, 200, s, "PUT", "/src/k", "kept")
	kept := h.Get("x-amz-version-id")
	status("Suspended")
	if h, _ = want(t, 200, s, "PUT", "/src/k", "new null"); h.Get("x-amz-version-id") != "null" {
		t.Errorf("%v", h)
	}
	if _, body := want(t, 200, s, "GET", "/src/k?versionId="+kept, ""); body != "kept" {
		t.Error(body)
	}
	if _, body := want(t, 200, s, "GET", "/src/k?versionId=null", ""); body != "new null" {
		t.Error(body)
	}
	h, _ = want(t, 204, s, "DELETE", "/src/k", "")
	if h.Get("x-amz-delete-marker") != "true" || h.Get("x-amz-version-id") != "null" {
		t.Errorf("%v", h)
	}
	h, _ = want(t, 404, s, "GET", "/src/k", "")
	if h.Get("x-amz-delete-marker") != "true" {
		t.Errorf("%v", h)
	}
	versions, markers, _ := allVersions(t, s, "src", "")
	if !slices.Equal(versions, []string{"k=" + kept}) || !slices.Equal(markers, []string{"k=null true"}) {
		t.Errorf("%q %q", versions, markers)
	}
	want(t, 400, s, "PUT", "/src?versioning", "<VersioningConfiguration><Status>Maybe</Status></VersioningConfiguration>")
	want(t, 400, s, "GET", "/src/k?versionId=nonsense", "")
}

func TestListV1(t *testing.T) {
	s := start(t, Options{})
	for _, k := range []string{"a", "b/1", "b/2", "c"} {
		want(t, 200, s, "PUT", "/src/"+k, "")
	}
	var got []string
	marker := ""
	for range 10 {
		_, body := want(t, 200, s, "GET", "/src?delimiter=/&max-keys=1&marker="+url.QueryEscape(marker), "")
		var p struct {
			IsTruncated bool
			NextMarker  string
			Keys        []string `xml:"Contents>Key"`
			Prefixes    []string `xml:"CommonPrefixes>Prefix"`
		}
		if err := xml.Unmarshal([]byte(body), &p); err != nil {
			t.Fatal(err)
		}
		got = append(append(got, p.Keys...), p.Prefixes...)
		marker = p.NextMarker
		if !p.IsTruncated {
			break
		}
	}
	if !slices.Equal(got, []string{"a", "b/", "c"}) {
		t.Errorf("%q", got)
	}
	for _, query := range []string{"max-keys=x", "max-keys=-1", "encoding-type=base64", "list-type=2&continuation-token=!"} {
		want(t, 400, s, "GET", "/src?"+query, "")
	}
	if _, body := want(t, 200, s, "GET", "/src?list-type=2&max-keys=0", ""); strings.Contains(body, "<Key>") || !strings.Contains(body, "<IsTruncated>false") {
		t.Error(body)
	}
}

// TestListWhileItChanges puts and removes keys between pages.
func TestListWhileItChanges(t *testing.T) {
	s := start(t, Options{})
	b, err := s.bucket("src")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		want(t, 200, s, "PUT", fmt.Sprintf("/src/%d", i), "")
	}
	keys := b.sortedKeys()
	if err := s.Delete("src", "3"); err != nil {
		t.Fatal(err)
	}
	want(t, 200, s, "PUT", "/src/35", "")
	want(t, 200, s, "PUT", "/src/3", "")
	if err := s.Delete("src", "0"); err != nil {
		t.Fatal(err)
	}
	if len(keys) != 10 || keys[3] != "3" {
		t.Errorf("the keys of a page under way changed: %q", keys)
	}
	if got := b.sortedKeys(); !slices.Equal(got, []string{"1", "2", "3", "35", "4", "5", "6", "7", "8", "9"}) {
		t.Errorf("%q", got)
	}
}

func TestOverriddenHeaders(t *testing.T) {
	s := start(t, Options{})
	want(t, 200, s, "PUT", "/src/k", "x", "Content-Type", "text/x")
	h, _ := want(t, 200, s, "GET", "/src/k?response-content-type=text/y&response-cache-control=no-store", "")
	if h.Get("Content-Type") != "text/y" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", h)
	}
}
