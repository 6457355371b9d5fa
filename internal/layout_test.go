// Package internal_test holds the layout of the source tree: who may import
// whom, and what may be named how.
package internal_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "s3bundler"

// layout lists every package below internal with the packages below internal
// that it may import. Each row may name only rows above it, so that arrows
// point one way; a new package gets a row of its own.
var layout = []struct {
	name string
	may  string
}{
	{"object", ""},
	{"fault", ""},
	{"csvrow", ""},
	{"spot", ""},
	{"layout", "object"},
	{"inventory", "object fault csvrow"},
	{"manifest", "object fault csvrow"},
	{"queue", "object fault"},
	{"store", "object fault"},
	{"metrics", "fault"},
	{"health", "fault queue"},
	{"http1", ""},
	{"fetch", "object fault store"},
	{"upload", "object fault store"},
	{"archive", "object fault"},
	{"index", "object fault csvrow archive"},
	{"grouper", "object fault inventory manifest store fetch"},
	{"bundler", "object fault layout manifest queue store metrics health fetch upload archive index"},
	{"catalog", "object fault index"},
	{"retrieve", "object fault csvrow layout manifest queue store fetch upload archive index catalog"},
	{"status", "object fault csvrow layout manifest queue store fetch"},
	{"submit", "object fault"},
	{"aws", "object fault http1 queue store submit"},
	{"cli", "object fault"},
	{"sandbox", "object fault queue store"},
	{"demo", "object fault sandbox"},
	{"bench", "object fault inventory manifest layout queue store metrics fetch upload archive index grouper bundler retrieve aws cli sandbox"},
}

// owners are the only packages that may import what lies under a path. The
// floor of the benchmarks signs with the SDK's own signer: it is what package
// aws is measured against, and must owe it nothing.
var owners = map[string][]string{
	"github.com/aws/aws-sdk-go-v2":       {"s3bundler/internal/aws", "s3bundler/internal/bench/floor"},
	"github.com/aws/smithy-go":           {"s3bundler/internal/aws"},
	"github.com/awslabs/goformation":     {"s3bundler/deploy/stack"},
	"github.com/schollz/progressbar":     {"s3bundler/internal/cli"},
	"github.com/cristim/ec2-instances":   {"s3bundler/deploy/stack"},
	"github.com/LeanerCloud/ec2-instanc": {"s3bundler/deploy/stack"},
}

// vague are names that say nothing about what is inside.
var vague = []string{"base", "common", "helper", "helpers", "lib", "misc", "shared", "types", "util", "utils"}

type goPackage struct {
	ImportPath string
	Name       string
	Imports    []string
	Deps       []string
	GoFiles    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Imports,Deps,GoFiles", module+"/...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestLayoutTable(t *testing.T) {
	for i, row := range layout {
		for _, name := range strings.Fields(row.may) {
			if !slices.ContainsFunc(layout[:i], func(r struct{ name, may string }) bool { return r.name == name }) {
				t.Errorf("%s may import %s, which is not above it", row.name, name)
			}
		}
	}
}

func TestImports(t *testing.T) {
	may := map[string][]string{}
	for _, row := range layout {
		may[row.name] = strings.Fields(row.may)
	}
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue // tests alone
		}
		inner, below := strings.CutPrefix(p.ImportPath, module+"/internal/")
		top, _, _ := strings.Cut(inner, "/") // a package may split itself up
		allowed, listed := may[top]
		if below && !listed {
			t.Errorf("%s has no row in the layout", p.ImportPath)
			continue
		}
		for _, i := range p.Imports {
			for prefix, few := range owners {
				if strings.HasPrefix(i, prefix) && !slices.Contains(few, p.ImportPath) {
					t.Errorf("%s imports %s: only %s may", p.ImportPath, i, strings.Join(few, " and "))
				}
			}
			if !below {
				continue
			}
			if strings.HasPrefix(i, module+"/cmd") || strings.HasPrefix(i, module+"/deploy") {
				t.Errorf("%s imports %s: arrows point down", p.ImportPath, i)
			}
			ours, ok := strings.CutPrefix(i, module+"/internal/")
			ours, _, _ = strings.Cut(ours, "/")
			if ok && ours != top && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s: the layout does not say so", p.ImportPath, i)
			}
		}
	}
}

// TestCommands holds the programs that people run free of what only tests and
// the demo need.
func TestCommands(t *testing.T) {
	for _, p := range packages(t) {
		if p.Name != "main" {
			continue
		}
		tool := strings.HasPrefix(p.ImportPath, module+"/internal/demo") || strings.HasPrefix(p.ImportPath, module+"/internal/bench")
		if tool {
			continue
		}
		if !strings.HasPrefix(p.ImportPath, module+"/cmd/") {
			t.Errorf("%s is a program outside cmd", p.ImportPath)
		}
		for _, name := range []string{"sandbox", "demo", "bench"} {
			if slices.Contains(p.Deps, module+"/internal/"+name) {
				t.Errorf("%s depends on %s", p.ImportPath, name)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains(vague, path.Base(p.ImportPath)) || slices.Contains(vague, p.Name) {
			t.Errorf("package %s: name what it hands over", p.ImportPath)
		}
		for _, f := range p.GoFiles {
			if slices.Contains(vague, strings.TrimSuffix(filepath.Base(f), ".go")) {
				t.Errorf("%s/%s: name what is inside", p.ImportPath, f)
			}
		}
	}
}
