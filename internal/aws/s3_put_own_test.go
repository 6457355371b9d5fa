package aws

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/minio/crc64nvme"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// full are options that set every header there is.
var full = store.PutOptions{
	Metadata:     []object.Pair{{Name: "owner", Value: "ada, grace"}, {Name: "empty", Value: ""}, {Name: "a-b", Value: "grüße=;%"}},
	Headers:      []object.Pair{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}, {Name: "Cache-Control", Value: "no-store"}, {Name: "Expires", Value: "never"}},
	Tags:         []object.Tag{{Key: "team a", Value: "x&y=z+"}, {Key: "k", Value: ""}},
	StorageClass: "GLACIER_IR",
	IfAbsent:     true,
}

// TestPutRequest has both paths send the same.
func TestPutRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		key      string
		opt      store.PutOptions
		settings Settings
		token    string
		part     bool
	}{
		"plain":     {key: "logs/1.bin"},
		"odd key":   {key: "/a//b/../ +%?#é\n"},
		"full":      {key: "k", opt: full, settings: Settings{RequesterPays: true}, token: "IQoJ="},
		"condition": {key: "k", opt: store.PutOptions{IfMatch: "abc"}},
		"part":      {key: "a b/c", part: true, settings: Settings{RequesterPays: true}, token: "IQoJ="},
		"spaces":    {key: "k", opt: store.PutOptions{Metadata: []object.Pair{{Name: "n", Value: "a  b"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			sent := map[bool]http.Header{}
			for _, sdk := range []bool{false, true} {
				endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					h := r.Header.Clone()
					h.Set("Body", string(body))
					h.Set("Uri", regexp.MustCompile(`[?&]x-id=\w+`).ReplaceAllString(r.RequestURI, ""))
					sent[sdk] = h
					w.Header().Set("Etag", `"abc-2"`)
					w.Header().Set("X-Amz-Version-Id", "v1")
				})
				t.Setenv("AWS_SESSION_TOKEN", tt.token)
				tt.settings.SDKGet = sdk
				s, l := newS3(t, endpoint, tt.settings), object.Location{Bucket: "b", Key: tt.key}
				if tt.part {
					sum := object.CRC64NVME(crc64nvme.Checksum([]byte("hello")))
					part, err := s.UploadPart(t.Context(), l, "a+/b~", 7, []byte("hello"), sum)
					if err != nil || part != (store.Part{Number: 7, ETag: `"abc-2"`, Checksum: sum}) {
						t.Fatalf("%+v, %v", part, err)
					}
					continue
				}
				st, err := s.Put(t.Context(), l, []byte("hello"), tt.opt)
				if err != nil || st != (store.Stored{ETag: "abc-2", VersionID: "v1", Size: 5}) {
					t.Fatalf("%+v, %v", st, err)
				}
			}
			for _, h := range sent {
				if !strings.HasPrefix(h.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") {
					t.Errorf("authorization %q", h.Get("Authorization"))
				}
				for _, name := range []string{
					"Authorization", "User-Agent", "X-Amz-Date", "Accept-Encoding", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "X-Amz-Sdk-Checksum-Algorithm",
				} {
					h.Del(name)
				}
			}
			if diff := cmp.Diff(sent[true], sent[false]); diff != "" {
				t.Errorf("the SDK's (-) and ours (+): %s", diff)
			}
		})
	}
}

// TestPutAuthorizationIsTheSDKs signs what Put sends.
func TestPutAuthorizationIsTheSDKs(t *testing.T) {
	at := time.Date(2026, 11, 23, 11, 36, 13, 0, time.UTC)
	c := awssdk.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", SessionToken: "t"}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	const query = "partNumber=7&uploadId=a%2Fb~"
	for _, more := range []map[string]string{
		{}, {"content-type": "a/b", "if-none-match": "*"},
		{"x-amz-meta-a-b": "1", "x-amz-meta-a": "é, =;", "x-amz-meta-empty": "", "x-amz-tagging": "a=b&c=", "cache-control": "no-store", "expires": "0"},
	} {
		fields := []field{{"host", "b.s3.test"}, {"x-amz-content-sha256", unsignedPayload}, {"x-amz-date", at.Format(dateFormat)}, {"x-amz-security-token", "t"}}
		req, err := http.NewRequest(http.MethodPut, "https://b.s3.test/a%20b%2Bc/%E6%97%A5?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Sorted(maps.Keys(more)) {
			fields = append(fields, field{name, more[name]})
			req.Header.Set(name, more[name])
		}
		if !sortFields(fields) {
			t.Fatalf("%q cannot be sent", fields)
		}
		req.Header.Set("X-Amz-Content-Sha256", unsignedPayload)
		if err := signer.SignHTTP(t.Context(), c, req, unsignedPayload, "s3", "eu-west-1", at); err != nil {
			t.Fatal(err)
		}
		key := newSigningKey(c, "20261123", "eu-west-1", "s3")
		for range 2 { // the second uses the first's buffers
			got := string(key.appendPutAuthorization(nil, []byte("/a%20b%2Bc/%E6%97%A5"), query, fields, at.Format(dateFormat)))
			if want := req.Header.Get("Authorization"); got != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	}
}

func TestSortFields(t *testing.T) {
	for _, bad := range []field{
		{"a", "1"}, {"", "1"}, {"b c", "1"}, {"b:", "1"}, {"B", "1"}, {"b", "1\n2"}, {"b", " 1"}, {"b", "1\t"}, {"b", "1  2"},
	} {
		if sortFields([]field{{"a", "1"}, bad}) {
			t.Errorf("%q is taken", bad)
		}
	}
	fields := []field{{"b", "2"}, {"a-b", "1"}, {"a", ""}}
	if !sortFields(fields) || !slices.Equal(fields, []field{{"a", ""}, {"a-b", "1"}, {"b", "2"}}) {
		t.Errorf("sorted %q", fields)
	}
}

// TestPutTriesAgain has the SDK's client go on where the first attempt failed,
// unless S3 has said that it will not.
func TestPutTriesAgain(t *testing.T) {
	refuse := func(status int, code string) func(http.ResponseWriter, int32) bool {
		return func(w http.ResponseWriter, n int32) bool {
			if n == 1 {
				w.WriteHeader(status)
				io.WriteString(w, errorBody(code, "no", ""))
			}
			return n == 1
		}
	}
	for name, tt := range map[string]struct {
		fail  func(http.ResponseWriter, int32) bool
		opt   store.PutOptions
		asked int32
		kind  fault.Kind
		err   error
	}{
		"throttled": {fail: refuse(http.StatusServiceUnavailable, "SlowDown"), asked: 2},
		"conflict":  {fail: refuse(http.StatusConflict, "ConditionalRequestConflict"), asked: 2},
		"cut off": {fail: func(w http.ResponseWriter, n int32) bool {
			if n == 1 {
				panic(http.ErrAbortHandler)
			}
			return false
		}, asked: 2},
		"denied": {fail: refuse(http.StatusForbidden, "AccessDenied"), asked: 1, kind: fault.Upload},
		"exists": {fail: refuse(http.StatusPreconditionFailed, "PreconditionFailed"), opt: store.PutOptions{IfAbsent: true}, asked: 1, err: store.ErrExists},
		"clock": {fail: func(w http.ResponseWriter, n int32) bool {
			if n > 1 {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, errorBody("RequestTimeTooSkewed", "no", fmt.Sprintf("<ServerTime>%s</ServerTime>", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))))
			return true
		}, asked: 2},
	} {
		for part, body := range map[bool][]byte{false: []byte("hello"), true: make([]byte, 1<<20)} {
			if part && tt.err != nil {
				continue // a part has no condition
			}
			t.Run(fmt.Sprintf("%s, part=%v", name, part), func(t *testing.T) {
				var asked atomic.Int32
				s := newS3(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
					got, _ := io.ReadAll(r.Body)
					if !tt.fail(w, asked.Add(1)) && len(got) == len(body) {
						w.Header().Set("Etag", "e")
					}
				}), Settings{})
				l, etag := object.Location{Bucket: "b", Key: "k"}, ""
				var err error
				if part {
					var p store.Part
					p, err = s.UploadPart(t.Context(), l, "u", 1, body, object.CRC64NVME(crc64nvme.Checksum(body)))
					etag = p.ETag
				} else {
					var st store.Stored
					st, err = s.Put(t.Context(), l, body, tt.opt)
					etag = st.ETag
				}
				if asked.Load() != tt.asked {
					t.Errorf("%d requests, want %d", asked.Load(), tt.asked)
				}
				switch {
				case tt.kind != 0 && (fault.KindOf(err) != tt.kind || !strings.Contains(err.Error(), "AccessDenied")):
					t.Errorf("error %v", err)
				case tt.err != nil && !errors.Is(err, tt.err):
					t.Errorf("error %v, want %v", err, tt.err)
				case tt.kind == 0 && tt.err == nil && (err != nil || etag != "e"):
					t.Errorf("ETag %q, %v", etag, err)
				}
			})
		}
	}
}
