package retrieve

import (
	"strings"
	"testing"

	"s3bundler/internal/layout"
	"s3bundler/internal/object"
)

// The hash in a copy's key is known for that of its object, whatever it is of.
func TestNamedCopies(t *testing.T) {
	in := layout.In("dst", "archive")
	for _, key := range []string{"big", "a b/ü", "a b.metadata", "folder/", "old/c3e7f3/src1/bigobjects/x", "/leading"} {
		encoded := object.Object{Key: key, EncodedKey: object.EncodeKey(key)}
		plain := object.Object{Key: key, EncodedKey: key}
		version := encoded
		version.VersionID = "v1"
		for _, l := range []object.Location{
			in.BigObject("src1", encoded), in.BigObject("src1", plain), in.BigObject("src1", version),
			in.OtherBigObject("src1", encoded, "9b74c9897bac770ffc029102a200c5de-2"),
		} {
			if !isNamedCopy(l.Key) || !isCopy(l.Key) {
				t.Errorf("%s is not known", l)
			}
			if other := strings.Replace(l.Key, "/src1/", "/src2/", 1); isNamedCopy(other) {
				t.Errorf("%s is taken for a copy's own key", other)
			}
		}
	}
}
