package retrieve

import (
	"testing"

	"s3bundler/internal/fault"
	"s3bundler/internal/index"
)

// On a file system that does not tell names by their case, what differs in
// case alone gets two names, or is refused. This one is told to be such.
func TestFoldedNames(t *testing.T) {
	for _, escape := range []bool{false, true} {
		f, err := ToFolder(t.TempDir(), escape)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		f.folded = true
		seen := map[string]bool{}
		for i, tt := range []struct {
			key    string
			reason fault.Reason // without escape
		}{{"a/Readme", ""}, {"a/README", Duplicate}, {"A/x", ""}, {"a/X", Duplicate}, {"B", ""}, {"b/c", BadName}} {
			row := index.Row{Bucket: "src", Key: tt.key, Checksum: string(rune('a' + i)), Size: 1}
			to, err := f.place(&row, tt.key)
			if escape && err != nil || !escape && fault.ReasonOf(err) != tt.reason {
				t.Errorf("escape %v: %s: %v", escape, tt.key, err)
			}
			if err != nil {
				continue
			}
			if seen[f.fold(to.Key)] {
				t.Errorf("escape %v: %s goes to %s, which is taken", escape, tt.key, to.Key)
			}
			seen[f.fold(to.Key)] = true
		}
	}
}
