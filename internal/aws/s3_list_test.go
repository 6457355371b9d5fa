package aws

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// page writes a page of a list of the bucket b, with one key.
func page(key, more string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
		"<Name>b</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys>" + more + "<Contents><Key>" + key + "</Key><Size>1</Size></Contents></ListBucketResult>"
}

// next says that another page follows.
func next(token string) string {
	return "<IsTruncated>true</IsTruncated><NextContinuationToken>" + token + "</NextContinuationToken>"
}

// TestListRefusesWhatIsNone: what is no list, or is not all of one, must not
// pass for the list of all there is.
func TestListRefusesWhatIsNone(t *testing.T) {
	const last = "<IsTruncated>false</IsTruncated>"
	for name, tt := range map[string]struct {
		answer  func(asked int) string // to the page asked for, from 1
		keys    int
		message string // of the error; empty for none
	}{
		"one page":            {func(int) string { return page("k", last) }, 1, ""},
		"three pages":         {func(n int) string { return page("k", []string{next("a"), next("b"), last}[n-1]) }, 3, ""},
		"empty":               {func(int) string { return "<ListBucketResult><Name>b</Name>" + last + "</ListBucketResult>" }, 0, ""},
		"without a name":      {func(int) string { return "<ListBucketResult>" + last + "</ListBucketResult>" }, 0, ""},
		"a web page":          {func(int) string { return "<html>Sign in</html>" }, 0, "the answer is no list"},
		"nothing":             {func(int) string { return "" }, 0, "the answer is no list"},
		"a web page, later":   {func(n int) string { return []string{page("k", next("a")), "<html>Sign in</html>"}[n-1] }, 1, "the answer is no list"},
		"more without token":  {func(int) string { return page("k", "<IsTruncated>true</IsTruncated>") }, 1, "more is to follow, and it does not say where"},
		"more of empty token": {func(int) string { return page("k", next("")) }, 1, "more is to follow, and it does not say where"},
		"same page for ever":  {func(int) string { return page("k", next("a")) }, 2, "the list goes round in a circle"},
		"same pages for ever": {func(n int) string { return page("k", next(fmt.Sprint("t", n%3))) }, 7, "the list goes round in a circle"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			s := newS3(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if asked++; asked > 50 {
					t.Error("asked without end")
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				w.Header().Set("X-Amz-Request-Id", "R")
				io.WriteString(w, tt.answer(asked))
			}), Settings{})
			keys := 0
			var failed error
			for _, err := range s.List(t.Context(), object.Location{Bucket: "b", Key: "p/"}) {
				if failed = err; err == nil {
					keys++
				}
			}
			if keys != tt.keys || (failed != nil) != (tt.message != "") {
				t.Fatalf("%d keys, error %v; want %d and %q", keys, failed, tt.keys, tt.message)
			}
			if failed == nil {
				return
			}
			if want := "ListObjectsV2 s3://b/p/: " + tt.message; !strings.HasPrefix(failed.Error(), want) ||
				!strings.HasSuffix(failed.Error(), " (request R); it is not S3 that answers: check --endpoint-url and proxies") {
				t.Errorf("message %q, want %q", failed, want)
			}
			if fault.KindOf(failed) != fault.Download || !fault.Transient(failed) || fault.ReasonOf(failed) != "" {
				t.Errorf("kind %d, transient %t, reason %q", fault.KindOf(failed), fault.Transient(failed), fault.ReasonOf(failed))
			}
		})
	}
}
