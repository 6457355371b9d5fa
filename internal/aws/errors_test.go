package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// errorBody writes an error as S3 does.
func errorBody(code, message, more string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>" + code + "</Code><Message>" + message +
		"</Message>" + more + "<RequestId>4442587FB7D0A2F9</RequestId><HostId>aGVsbG8=</HostId></Error>"
}

// refusals are answers of S3 to a GET, and what they mean.
var refusals = map[string]struct {
	status    int
	body      string
	header    [2]string
	reason    fault.Reason
	throttled bool
	is        error
	message   string // part of the error
}{
	"SlowDown":           {status: 503, body: errorBody("SlowDown", "Please reduce your request rate.", ""), reason: fault.Retry, throttled: true, message: "SlowDown: Please reduce your request rate. (request 4442587FB7D0A2F9); the service asks for fewer requests"},
	"ServiceUnavailable": {status: 503, body: errorBody("ServiceUnavailable", "m", ""), reason: fault.Retry, throttled: true},
	"too many":           {status: 429, body: "", reason: fault.Retry, throttled: true, message: "Too Many Requests"},
	"InternalError":      {status: 500, body: errorBody("InternalError", "We encountered an internal error.", ""), reason: fault.Retry},
	"bad gateway":        {status: 502, body: "<html>Bad Gateway</html>", reason: fault.Retry, message: "Bad Gateway"},
	"gateway timeout":    {status: 504, body: "", reason: fault.Retry},
	"RequestTimeout":     {status: 400, body: errorBody("RequestTimeout", "m", ""), reason: fault.Retry},
	"NoSuchKey":          {status: 404, body: errorBody("NoSuchKey", "The specified key does not exist.", "<Key>k</Key>"), reason: fault.NoSuchKey, message: "NoSuchKey: The specified key does not exist. (request 4442587FB7D0A2F9); check the key"},
	"NoSuchVersion":      {status: 404, body: errorBody("NoSuchVersion", "m", ""), reason: fault.NoSuchKey},
	"no such version ID": {status: 400, body: errorBody("InvalidArgument", "Invalid version id specified", ""), reason: fault.NoSuchKey},
	"key too long":       {status: 400, body: errorBody("KeyTooLongError", "m", ""), reason: fault.NoSuchKey},
	"delete marker":      {status: 405, body: errorBody("MethodNotAllowed", "m", ""), header: [2]string{"x-amz-delete-marker", "true"}, reason: fault.NoSuchKey},
	"NoSuchBucket":       {status: 404, body: errorBody("NoSuchBucket", "m", ""), is: store.ErrNoBucket, message: "check the bucket's name"},
	"AccessDenied":       {status: 403, body: errorBody("AccessDenied", "Access Denied", ""), reason: fault.AccessDenied, is: store.ErrDenied, message: "AccessDenied: Access Denied (request 4442587FB7D0A2F9); allow s3:GetObject in"},
	"KMS key":            {status: 400, body: errorBody("KMS.DisabledException", "m", ""), reason: fault.AccessDenied, message: "KMS key"},
	"customer key":       {status: 400, body: errorBody("InvalidRequest", "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.", ""), reason: fault.AccessDenied, message: "SSE-C"},
	"glaciered":          {status: 403, body: errorBody("InvalidObjectState", "m", "<StorageClass>GLACIER</StorageClass>"), reason: fault.Glacier},
	"changed":            {status: 412, body: errorBody("PreconditionFailed", "m", "<Condition>If-Match</Condition>"), reason: fault.Changed},
	"range":              {status: 416, body: errorBody("InvalidRange", "m", ""), is: store.ErrRange},
	"wrong key ID":       {status: 403, body: errorBody("InvalidAccessKeyId", "m", ""), message: "check the credentials"},
	"wrong secret":       {status: 403, body: errorBody("SignatureDoesNotMatch", "m", ""), message: "check the credentials"},
	"expired":            {status: 400, body: errorBody("ExpiredToken", "m", ""), message: "renew the session"},
	"skewed":             {status: 403, body: errorBody("RequestTimeTooSkewed", "m", ""), message: "set this machine's clock"},
	"elsewhere":          {status: 301, body: errorBody("PermanentRedirect", "m", ""), header: [2]string{"x-amz-bucket-region", "eu-west-1"}, message: "the bucket lies in eu-west-1"},
	"no such URI":        {status: 400, body: errorBody("InvalidURI", "Couldn't parse the specified URI.", ""), reason: fault.BadRow, message: "InvalidURI: Couldn't parse the specified URI. (request 4442587FB7D0A2F9); "},
	"404 of a proxy":     {status: 404, body: "default backend - 404", reason: fault.Retry, message: "Not Found (request 4442587FB7D0A2F9); it is not S3 that answers: check --endpoint-url"},
	"404 of a web page":  {status: 404, body: "<html><body>Not here<br></body></html>", reason: fault.Retry, message: "it is not S3 that answers"},
	"404 of nobody":      {status: 404, reason: fault.Retry, message: "it is not S3 that answers"},
	"403 of a firewall":  {status: 403, body: "<!DOCTYPE html><html><p>Blocked</html>", reason: fault.Retry, message: "Forbidden (request 4442587FB7D0A2F9); it is not S3 that answers"},
	"unknown":            {status: 409, body: errorBody("SomethingNew", "nobody knows", ""), message: "SomethingNew: nobody knows"},
}

func TestRefusals(t *testing.T) {
	for name, tt := range refusals {
		t.Run(name, func(t *testing.T) {
			bothPaths(t, func(t *testing.T, settings Settings) {
				asked := 0
				s := newS3(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
					asked++
					if tt.header[0] != "" {
						w.Header().Set(tt.header[0], tt.header[1])
					}
					w.Header().Set("X-Amz-Request-Id", "4442587FB7D0A2F9")
					w.WriteHeader(tt.status)
					io.WriteString(w, tt.body)
				}), settings)
				_, _, err := s.Open(t.Context(), object.Object{Bucket: "b", Key: "k"}, store.Range{})
				var f *fault.Error
				if !errors.As(err, &f) {
					t.Fatalf("error %v is no fault", err)
				}
				if f.Kind != fault.Download || f.Reason != tt.reason || f.Throttled != tt.throttled {
					t.Errorf("kind %d, reason %q, throttled %t; want %d, %q, %t", f.Kind, f.Reason, f.Throttled, fault.Download, tt.reason, tt.throttled)
				}
				if tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("%v does not wrap %v", err, tt.is)
				}
				if m := err.Error(); !strings.HasPrefix(m, "GetObject s3://b/k: ") || !strings.Contains(m, tt.message) || !strings.Contains(m, "4442587FB7D0A2F9") {
					t.Errorf("message %q; want GetObject s3://b/k: …%s… with the request ID", m, tt.message)
				}
				if asked != 1 {
					t.Errorf("asked %d times", asked)
				}
			})
		})
	}
}

// TestRefusalsWithoutBody: the answer to a HEAD has none, so that its status
// must do; any other comes from something that is not S3.
func TestRefusalsWithoutBody(t *testing.T) {
	for status, want := range map[int]fault.Reason{403: fault.AccessDenied, 404: fault.NoSuchKey} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			refused := false
			s := newS3(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case !refused: // the bucket is there
				case r.Method == http.MethodGet && !strings.Contains(r.URL.RawQuery, "tagging"): // why HEAD was refused
					w.WriteHeader(status)
					io.WriteString(w, errorBody(map[int]string{403: "AccessDenied", 404: "NoSuchKey"}[status], "m", ""))
				default:
					w.WriteHeader(status)
				}
			}), Settings{})
			o := object.Object{Bucket: "b", Key: "k"}
			get(t, s, o, store.Range{})
			refused = true
			if _, err := s.Head(t.Context(), o); fault.ReasonOf(err) != want {
				t.Errorf("HEAD: %v (reason %q), want %q", err, fault.ReasonOf(err), want)
			}
			if _, err := s.Tags(t.Context(), o); fault.ReasonOf(err) != fault.Retry {
				t.Errorf("GetObjectTagging: %v (reason %q), want Retry", err, fault.ReasonOf(err))
			}
			if err := s.Delete(t.Context(), o); fault.ReasonOf(err) != fault.Retry {
				t.Errorf("DELETE: %v (reason %q), want Retry", err, fault.ReasonOf(err))
			}
		})
	}
}

// TestOneBadKey: an unknown refusal of a key is about that key if the bucket
// answers otherwise for another one, and about everything if it does not.
func TestOneBadKey(t *testing.T) {
	for _, tt := range []struct {
		name   string
		others int // status of the answers for other keys
		reason fault.Reason
		hint   string
	}{
		{"others are there", 200, fault.BadRow, "look at the key"},
		{"others are not there", 404, fault.BadRow, "look at the key"},
		{"others are refused", 403, fault.BadRow, "look at the key"},
		{"others get the same", 400, "", "check --endpoint-url"},
		{"others fail", 500, "", "check --endpoint-url"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bothPaths(t, func(t *testing.T, settings Settings) {
				s := newS3(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("X-Amz-Request-Id", "4442587FB7D0A2F9")
					switch {
					case strings.HasSuffix(r.URL.Path, "/bad"):
						w.WriteHeader(400)
						io.WriteString(w, errorBody("SomethingNew", "nobody knows", ""))
					case tt.others == 404:
						w.WriteHeader(404)
						io.WriteString(w, errorBody("NoSuchKey", "m", ""))
					default:
						w.WriteHeader(tt.others)
					}
				}), settings)
				_, _, err := s.Open(t.Context(), object.Object{Bucket: "b", Key: "bad"}, store.Range{})
				if fault.ReasonOf(err) != tt.reason || fault.KindOf(err) != fault.Download ||
					!strings.Contains(err.Error(), "SomethingNew: nobody knows (request 4442587FB7D0A2F9); "+tt.hint) {
					t.Errorf("%v (reason %q)", err, fault.ReasonOf(err))
				}
			})
		})
	}
}

// TestUnreadableAnswers: an answer that breaks off or cannot be understood is
// asked for again, and concerns one object if that does not help.
func TestUnreadableAnswers(t *testing.T) {
	const tags = `<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>`
	t.Setenv("AWS_MAX_ATTEMPTS", "3")
	for name, bad := range map[string]func(w http.ResponseWriter){
		"cut": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", fmt.Sprint(len(tags)))
			io.WriteString(w, tags[:40])
		},
		"cut at once": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", fmt.Sprint(len(tags)))
			io.WriteString(w, tags[:5])
		},
		"corrupt": func(w http.ResponseWriter) { io.WriteString(w, strings.Replace(tags, "</Key>", "<oKey>", 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			asked, failing := 0, 2
			s := newS3(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if asked++; asked <= failing {
					bad(w)
					return
				}
				io.WriteString(w, tags)
			}), Settings{})
			got, err := s.Tags(t.Context(), object.Object{Bucket: "b", Key: "k"})
			if err != nil || len(got) != 1 || asked != 3 {
				t.Errorf("asked %d times: %v, %v", asked, got, err)
			}
			asked, failing = 0, 1000
			_, err = s.Tags(t.Context(), object.Object{Bucket: "b", Key: "k"})
			if fault.ReasonOf(err) != fault.Retry || asked != 3 || !strings.HasPrefix(fmt.Sprint(err), "GetObjectTagging s3://b/k: the answer cannot be read: ") {
				t.Errorf("asked %d times: %v (reason %q)", asked, err, fault.ReasonOf(err))
			}
		})
	}
}

// TestNotS3: what answers 200 without saying which object it has, or how long
// it is, is a proxy or a sign-in page.
func TestNotS3(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"no ETag": func(w http.ResponseWriter) {
			w.Header().Del("Etag")
			io.WriteString(w, "<html>Sign in</html>")
		},
		"no length": func(w http.ResponseWriter) {
			io.WriteString(w, "some")
			w.(http.Flusher).Flush()
			io.WriteString(w, " more")
		},
	} {
		t.Run(name, func(t *testing.T) {
			bothPaths(t, func(t *testing.T, settings Settings) {
				s := newS3(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w) }), settings)
				_, _, err := s.Open(t.Context(), object.Object{Bucket: "b", Key: "k"}, store.Range{})
				if fault.ReasonOf(err) != fault.Retry || !strings.Contains(fmt.Sprint(err), "GetObject s3://b/k: the answer has "+name) ||
					!strings.Contains(err.Error(), "check --endpoint-url") {
					t.Errorf("GET: %v", err)
				}
				if name != "no ETag" {
					return
				}
				if _, err := s.Tags(t.Context(), object.Object{Bucket: "b", Key: "k"}); fault.ReasonOf(err) != fault.Retry ||
					fmt.Sprint(err) != "GetObjectTagging s3://b/k: the answer has no tag set; it is not S3 that answers: check --endpoint-url and proxies" {
					t.Errorf("GET of tags: %v", err)
				}
				if _, err := s.Head(t.Context(), object.Object{Bucket: "b", Key: "k"}); fault.ReasonOf(err) != fault.Retry {
					t.Errorf("HEAD: %v", err)
				}
			})
		})
	}
}

func TestConnectionErrors(t *testing.T) {
	gone := serve(t, nil)
	hangsUp := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	}
	bothPaths(t, func(t *testing.T, settings Settings) {
		for name, tt := range map[string]struct {
			endpoint string
			reason   fault.Reason
			message  string
		}{
			"hung up":      {serve(t, hangsUp), fault.Retry, "EOF"},
			"refused":      {"http://127.0.0.1:1", fault.Retry, "connection refused"},
			"no TLS":       {strings.Replace(gone, "http:", "https:", 1), "", "AWS_CA_BUNDLE"},
			"no such host": {"http://nowhere.invalid", "", "check the region"},
		} {
			t.Run(name, func(t *testing.T) {
				s := newS3(t, tt.endpoint, settings)
				_, _, err := s.Open(t.Context(), object.Object{Bucket: "b", Key: "k"}, store.Range{})
				if fault.ReasonOf(err) != tt.reason || fault.KindOf(err) != fault.Download ||
					!strings.HasPrefix(fmt.Sprint(err), "GetObject s3://b/k: ") || !strings.Contains(fmt.Sprint(err), tt.message) {
					t.Errorf("%v (reason %q, kind %d); want reason %q and %q", err, fault.ReasonOf(err), fault.KindOf(err), tt.reason, tt.message)
				}
			})
		}
	})
}

func TestFailTellsTheContextsCause(t *testing.T) {
	lost := errors.New("lease lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(lost)
	if err := fail(ctx, call{op: "GetObject"}, errors.New("connection closed")); err != lost {
		t.Errorf("error %v, want the cause itself", err)
	}
}

func TestErrorsOfOperations(t *testing.T) {
	o := object.Object{Bucket: "b", Key: "k", VersionID: "v"}
	l := o.Location()
	ops := map[string]struct {
		call   func(ctx context.Context, s *S3) error
		kind   fault.Kind
		action string
		reason fault.Reason
	}{
		"Tags": {func(ctx context.Context, s *S3) error { _, err := s.Tags(ctx, o); return err }, fault.Download, "GetObjectTagging s3://b/k: AccessDenied: Access Denied (request R); allow s3:GetObjectVersionTagging", fault.AccessDenied},
		"Put":  {func(ctx context.Context, s *S3) error { _, err := s.Put(ctx, l, nil, store.PutOptions{}); return err }, fault.Upload, "PutObject s3://b/k: AccessDenied: Access Denied (request R); allow s3:PutObject", ""},
		"Create": {func(ctx context.Context, s *S3) error {
			_, err := s.CreateUpload(ctx, l, store.PutOptions{})
			return err
		}, fault.Upload, "CreateMultipartUpload s3://b/k: AccessDenied: Access Denied (request R); allow s3:PutObject", ""},
		"Part": {func(ctx context.Context, s *S3) error {
			_, err := s.UploadPart(ctx, l, "u", 1, nil, object.CRC64NVME(0))
			return err
		}, fault.Upload, "UploadPart s3://b/k: AccessDenied", ""},
		"Complete": {func(ctx context.Context, s *S3) error {
			_, err := s.CompleteUpload(ctx, l, "u", nil, object.Checksum{}, store.PutOptions{})
			return err
		}, fault.Upload, "CompleteMultipartUpload s3://b/k: AccessDenied", ""},
		"Abort": {func(ctx context.Context, s *S3) error { return s.AbortUpload(ctx, l, "u") }, fault.Upload, "allow s3:AbortMultipartUpload in the caller's IAM policy and in the resource's own policy; the upload's parts cost storage", ""},
		"Upload": {func(ctx context.Context, s *S3) error {
			_, err := s.Upload(ctx, l, strings.NewReader("x"), store.PutOptions{})
			return err
		}, fault.Upload, "PutObject s3://b/k: AccessDenied", ""},
		"Delete":  {func(ctx context.Context, s *S3) error { return s.Delete(ctx, o) }, fault.API, "DeleteObject s3://b/k: AccessDenied: Access Denied (request R); allow s3:DeleteObjectVersion", fault.AccessDenied},
		"Restore": {func(ctx context.Context, s *S3) error { return s.RequestRestore(ctx, o, "Bulk", 1) }, fault.API, "RestoreObject s3://b/k: AccessDenied: Access Denied (request R); allow s3:RestoreObject", fault.AccessDenied},
		"List": {func(ctx context.Context, s *S3) error {
			for _, err := range s.List(ctx, l) {
				return err
			}
			return nil
		}, fault.Download, "ListObjectsV2 s3://b/k: AccessDenied: Access Denied (request R); allow s3:ListBucket", ""},
		"Copy": {func(ctx context.Context, s *S3) error {
			_, err := s.Copy(ctx, o, object.Attributes{}, nil, object.Location{Bucket: "d", Key: "e"}, store.PutOptions{})
			return err
		}, fault.Upload, "CopyObject s3://b/k to s3://d/e: AccessDenied", fault.AccessDenied},
	}
	s := newS3(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "R")
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, errorBody("AccessDenied", "Access Denied", ""))
	}), Settings{})
	for name, tt := range ops {
		t.Run(name, func(t *testing.T) {
			err := tt.call(t.Context(), s)
			if fault.KindOf(err) != tt.kind || fault.ReasonOf(err) != tt.reason || !strings.Contains(fmt.Sprint(err), tt.action) {
				t.Errorf("%v (kind %d, reason %q); want kind %d, reason %q and %q", err, fault.KindOf(err), fault.ReasonOf(err), tt.kind, tt.reason, tt.action)
			}
			if !errors.Is(err, store.ErrDenied) {
				t.Errorf("%v does not wrap ErrDenied", err)
			}
		})
	}
}
