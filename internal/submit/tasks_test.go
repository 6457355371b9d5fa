package submit

import (
	"slices"
	"testing"

	"s3bundler/internal/object"
)

func TestFamily(t *testing.T) {
	for definition, want := range map[string]string{
		"arn:aws:ecs:us-east-1:123456789012:task-definition/s3grouper:7":  "s3grouper",
		"arn:aws-cn:ecs:cn-north-1:123456789012:task-definition/my_g-r:1": "my_g-r",
		"arn:aws:ecs:us-east-1:123456789012:task-definition/s3grouper":    "s3grouper",
		"s3grouper:12": "s3grouper",
		"s3grouper":    "s3grouper",
		"":             "",
		":3":           "",
	} {
		if got := Family(definition); got != want {
			t.Errorf("Family(%q) = %q, want %q", definition, got, want)
		}
	}
}

func TestTaskSharesNoArguments(t *testing.T) {
	arguments := make([]string, 2, 10)
	copy(arguments, []string{"-b", "archive"})
	p := Plan{Cluster: "c", Definition: "s3grouper:3", Arguments: arguments}
	one, two := p.Task(object.Location{Bucket: "b", Key: "1/manifest.json"}), p.Task(object.Location{Bucket: "b", Key: "2/a b?#"})
	if want := []string{"-b", "archive", "-m", "s3://b/1/manifest.json"}; !slices.Equal(one.Command, want) {
		t.Errorf("got %q, want %q", one.Command, want)
	}
	if want := []string{"-b", "archive", "-m", "s3://b/2/a b?#"}; !slices.Equal(two.Command, want) {
		t.Errorf("got %q, want %q", two.Command, want)
	}
	if one.Container != "s3grouper" || one.Definition != "s3grouper:3" || one.Cluster != "c" {
		t.Errorf("got %+v", one)
	}
}
