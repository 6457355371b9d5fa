package stack

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// builtIn reads the catalogue once: it takes a second.
var builtIn = sync.OnceValues(func() ([]Instance, error) { return Catalogue("") })

// templates are the committed templates, made as doc.go has them generated.
func templates(t *testing.T) map[string]*Template {
	t.Helper()
	all, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	instances, err := Select(all, []string{"c5d", "i3"})
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := SpotFleet(Machines{Instances: instances})
	if err != nil {
		t.Fatal(err)
	}
	capacity, err := Capacity(Machines{Attributes: &Attributes{Arch: AMD64, MinVCPUs: 2, MaxVCPUs: 32, MinMemoryMiB: 4096}})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*Template{
		"s3bundler.cfn.json": ECS(), "s3bundler-spotfleet.cfn.json": fleet, "s3bundler-capacity.cfn.json": capacity,
	}
}

// TestGolden says when a committed template is stale.
func TestGolden(t *testing.T) {
	for name, tmpl := range templates(t) {
		got, err := tmpl.JSON()
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("deploy/%s is stale: run 'go generate ./deploy/...' and look at the difference", name)
		}
		// CreateStack takes no more in a request without a bucket.
		if len(got) > 51200 {
			t.Errorf("deploy/%s has %d bytes, more than 51,200", name, len(got))
		}
	}
}

func TestStable(t *testing.T) {
	first, err := ECS().JSON()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, err := ECS().JSON()
		if err != nil || !bytes.Equal(first, again) {
			t.Fatalf("the same template differs: %v", err)
		}
	}
}

// TestLint has cfn-lint look at the templates, with no check left out.
func TestLint(t *testing.T) {
	lint, err := exec.LookPath("cfn-lint")
	if err != nil {
		t.Skip("cfn-lint is not installed")
	}
	for name := range templates(t) {
		text, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `"cfn-lint"`) {
			t.Errorf("deploy/%s suppresses a check: explain it here", name)
		}
		if out, err := exec.Command(lint, "--", "../"+name).CombinedOutput(); err != nil {
			t.Errorf("cfn-lint deploy/%s: %v\n%s", name, err, out)
		}
	}
}

func TestSet(t *testing.T) {
	for path, want := range map[string]string{
		"A.Tags.0.Value":          "",
		"A.New":                   "",
		"B.Tags":                  "B.Tags: no such resource",
		"A.Tags.1.Value":          `no element "1"`,
		"A.Tags.x":                `no element "x"`,
		"A.Tags.0.Value.Further":  `nothing at "Further"`,
		"A.Missing.Deeper.Deeper": `nothing at "Deeper"`,
	} {
		tmpl := newTemplate("")
		tmpl.resources["A"] = tagged{}
		resource, rest, _ := strings.Cut(path, ".")
		tmpl.set(resource, rest, iff("C", ref("X"), noValue()))
		b, err := tmpl.JSON()
		switch {
		case want == "" && (err != nil || !strings.Contains(string(b), `{"Fn::If":["C",{"Ref":"X"},{"Ref":"AWS::NoValue"}]}`)):
			t.Errorf("%s: %v\n%s", path, err, b)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

type tagged struct{}

func (tagged) AWSCloudFormationType() string { return "T" }

func (tagged) MarshalJSON() ([]byte, error) {
	return []byte(`{"Type": "T", "Properties": {"Tags": [{"Value": "v"}]}}`), nil
}

// TestFunctionsInStrings holds that a packed function comes out whole, nested
// ones too, and that no ordinary string is taken for one.
func TestFunctionsInStrings(t *testing.T) {
	in := map[string]any{
		"packed": str(subWith("${A}<&>", fn{"A": join(",", []any{str(ref("B")), "c"})})),
		"plain":  "eyJSZWYiOiAiQSJ9", // base64 of a Ref
	}
	got, err := generic(in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := layOut(got)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"packed":{"Fn::Sub":["${A}<&>",{"A":{"Fn::Join":[",",[{"Ref":"B"},"c"]]}}]},"plain":"eyJSZWYiOiAiQSJ9"}` + "\n"
	if string(b) != want {
		t.Errorf("got  %swant %s", b, want)
	}
}

// FuzzLayOut holds that the layout changes no value.
func FuzzLayOut(f *testing.F) {
	for name := range map[string]bool{"s3bundler.cfn.json": true, "s3bundler-capacity.cfn.json": true} {
		b, err := os.ReadFile("../" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"a":[],"b":{},"c":null,"d":[[1,2.5e9,"\u2028</script>"]]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		if json.Unmarshal(b, &v) != nil {
			t.Skip()
		}
		laid, err := layOut(v)
		if err != nil {
			t.Fatal(err)
		}
		var again any
		if err := json.Unmarshal(laid, &again); err != nil {
			t.Fatal(err)
		}
		x, _ := json.Marshal(v)
		y, _ := json.Marshal(again)
		if !bytes.Equal(x, y) {
			t.Errorf("%s became %s", x, y)
		}
	})
}
