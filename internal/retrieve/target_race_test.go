package retrieve

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// runsTo opens dir as so many restores at the same time would.
func runsTo(t *testing.T, dir string, n int) []*Folder {
	t.Helper()
	var runs []*Folder
	for range n {
		f, err := ToFolder(dir, false)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		runs = append(runs, f)
	}
	return runs
}

// contentOf is what run n writes under every name: of another length than what
// the others write, so that a mixture shows.
func contentOf(n int) (*index.Row, []byte) {
	content := bytes.Repeat([]byte{byte('A' + n)}, 20_000-1000*n)
	return &index.Row{Bucket: "src", Key: "k", Size: int64(len(content)), LastModified: time.Unix(int64(1_000_000+n), 0)}, content
}

// TestRunsToOneFolder has several runs write different objects under the same
// names. Each file must be one of them from end to end; where nothing is to be
// replaced, that of the one run which was told so.
func TestRunsToOneFolder(t *testing.T) {
	const names, rounds = 40, 25
	for _, over := range []bool{false, true} {
		dir := t.TempDir()
		runs := runsTo(t, dir, 3)
		for round := range rounds {
			stored := make([][]int, names)
			var mu sync.Mutex
			var wg sync.WaitGroup
			for n, f := range runs {
				wg.Go(func() {
					row, content := contentOf(n)
					for i := range names {
						to := object.Location{Key: fmt.Sprintf("round%d/k%02d", round, i)}
						switch err := f.put(t.Context(), to, row, content, over); {
						case err == nil:
							mu.Lock()
							stored[i] = append(stored[i], n)
							mu.Unlock()
						case over || fault.ReasonOf(err) != Exists:
							t.Errorf("over %v: run %d: %v", over, n, err)
						}
					}
				})
			}
			wg.Wait()
			for i, by := range stored {
				path := filepath.Join(dir, fmt.Sprintf("round%d/k%02d", round, i))
				got, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if !over && len(by) != 1 {
					t.Errorf("%s: stored by %d runs", path, len(by))
				}
				whole := false
				for _, n := range by {
					_, content := contentOf(n)
					whole = whole || bytes.Equal(got, content)
				}
				if !whole {
					t.Errorf("over %v: %s has %d bytes from %.1q to %.1q, which no run that stored it wrote: %v", over, path, len(got), got, got[len(got)-1:], by)
				}
			}
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "round*", temporaryPrefix+"*")); len(left) > 0 {
			t.Errorf("over %v: left over: %q", over, left)
		}
	}
}

// TestLateClaim has another run take a new file over, finish it and be gone
// before the run that made it claims it.
func TestLateClaim(t *testing.T) {
	if !claims {
		t.Skip("no locks here")
	}
	dir := t.TempDir()
	runs := runsTo(t, dir, 2)
	name := unfinished("k")
	late, err := runs[0].create(name)
	if err != nil {
		t.Fatal(err)
	}
	row, content := contentOf(1)
	if err := runs[1].put(t.Context(), object.Location{Key: "k"}, row, content, true); err != nil {
		t.Fatal(err)
	}
	if runs[0].own(late, name) {
		t.Error("the late claim was given another run's object to write to")
	}
	late.Close()
	if got, err := os.ReadFile(filepath.Join(dir, "k")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the object has %d bytes, %v", len(got), err)
	}
}
