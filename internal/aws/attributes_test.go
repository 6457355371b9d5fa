package aws

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"s3bundler/internal/object"
)

func TestAttributes(t *testing.T) {
	crc := object.Checksum{Algorithm: "CRC64NVME", Value: "KJdqWZN8XV0="}
	for name, tt := range map[string]struct {
		header http.Header
		length int64
		want   object.Attributes
	}{
		"nothing": {http.Header{}, 0, object.Attributes{}},
		"ordinary": {http.Header{
			"Etag":             {`"6f4f5b396c1a28734abd6756db5e5a00"`},
			"Last-Modified":    {"Mon, 23 Nov 2026 11:36:13 GMT"},
			"X-Amz-Version-Id": {"v1"}, "X-Amz-Tagging-Count": {"2"},
			"X-Amz-Server-Side-Encryption": {"AES256"},
			"X-Amz-Meta-Zeta":              {"26"}, "X-Amz-Meta-Alpha": {"a=b;c"}, "X-Amz-Meta-Empty": {""},
			"Content-Type": {"text/plain"}, "Expires": {"never"}, "Cache-Control": {"no-cache"},
			"X-Amz-Website-Redirect-Location": {"/there"},
			"X-Amz-Checksum-Crc64nvme":        {crc.Value}, "X-Amz-Checksum-Type": {"FULL_OBJECT"},
		}, 10240, object.Attributes{
			Size: 10240, ETag: "6f4f5b396c1a28734abd6756db5e5a00", LastModified: time.Date(2026, 11, 23, 11, 36, 13, 0, time.UTC),
			VersionID: "v1", TagCount: 2, Checksum: crc,
			Metadata: []object.Pair{{Name: "alpha", Value: "a=b;c"}, {Name: "empty"}, {Name: "zeta", Value: "26"}},
			Headers: []object.Pair{
				{Name: "Cache-Control", Value: "no-cache"},
				{Name: "Content-Type", Value: "text/plain"},
				{Name: "Expires", Value: "never"},
				{Name: "X-Amz-Website-Redirect-Location", Value: "/there"},
			},
		}},
		"range": {http.Header{
			"Content-Range": {"bytes 10-19/1234"}, "X-Amz-Checksum-Crc64nvme": {crc.Value},
		}, 10, object.Attributes{Size: 1234}},
		"range of all": {http.Header{
			"Content-Range": {"bytes 0-9/10"}, "X-Amz-Checksum-Crc64nvme": {crc.Value},
		}, 10, object.Attributes{Size: 10, Checksum: crc}},
		"checksum of checksums": {http.Header{
			"X-Amz-Checksum-Crc32": {"AAAAAA==-3"},
		}, 1, object.Attributes{Size: 1}},
		"checksum said to be composite": {http.Header{
			"X-Amz-Checksum-Crc32": {"AAAAAA=="}, "X-Amz-Checksum-Type": {"COMPOSITE"},
		}, 1, object.Attributes{Size: 1}},
		"checksum of another length": {http.Header{
			"X-Amz-Checksum-Crc64nvme": {"AAAAAA=="}, "X-Amz-Checksum-Crc32": {"AAAAAA=="},
		}, 1, object.Attributes{Size: 1, Checksum: object.Checksum{Algorithm: "CRC32", Value: "AAAAAA=="}}},
		"checksum that is none": {http.Header{"X-Amz-Checksum-Crc64nvme": {"------------"}}, 1, object.Attributes{Size: 1}},
		"other checksum": {http.Header{"X-Amz-Checksum-Sha256": {"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}}, 0, object.Attributes{
			Checksum: object.Checksum{Algorithm: "SHA256", Value: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
		}},
		"KMS key":      {http.Header{"X-Amz-Server-Side-Encryption": {"aws:kms"}}, 0, object.Attributes{KeyEncrypted: true}},
		"customer key": {http.Header{"X-Amz-Server-Side-Encryption-Customer-Algorithm": {"AES256"}}, 0, object.Attributes{KeyEncrypted: true}},
		"archived":     {http.Header{"X-Amz-Storage-Class": {"GLACIER"}}, 0, object.Attributes{StorageClass: "GLACIER", Archived: true}},
		"being restored": {http.Header{"X-Amz-Storage-Class": {"DEEP_ARCHIVE"}, "X-Amz-Restore": {`ongoing-request="true"`}}, 0, object.Attributes{
			StorageClass: "DEEP_ARCHIVE", Archived: true, Restore: `ongoing-request="true"`,
		}},
		"restored": {http.Header{"X-Amz-Storage-Class": {"GLACIER"}, "X-Amz-Restore": {`ongoing-request="false", expiry-date="Fri, 23 Dec 2026 00:00:00 GMT"`}}, 0, object.Attributes{
			StorageClass: "GLACIER", Restore: `ongoing-request="false", expiry-date="Fri, 23 Dec 2026 00:00:00 GMT"`,
		}},
		"instant retrieval": {http.Header{"X-Amz-Storage-Class": {"GLACIER_IR"}}, 0, object.Attributes{StorageClass: "GLACIER_IR"}},
		"intelligent archive": {http.Header{"X-Amz-Storage-Class": {"INTELLIGENT_TIERING"}, "X-Amz-Archive-Status": {"ARCHIVE_ACCESS"}}, 0, object.Attributes{
			StorageClass: "INTELLIGENT_TIERING", Archived: true,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := attributes(tt.header, tt.length)
			if len(got.Headers) == 0 {
				got.Headers = nil
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-9/10", "bytes 10-19/1234", "bytes */10", "bytes 9-0/10", "bytes 0-10/10", "", "bytes --/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		from, to, size, ok := contentRange(s)
		if ok && (from < 0 || to < from || size <= to) {
			t.Errorf("%q reads as %d-%d of %d", s, from, to, size)
		}
	})
}
