package stack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/awslabs/goformation/v7"
	"github.com/awslabs/goformation/v7/schema"
)

// TestSchema holds every resource of every template, both sides of each
// condition, to goformation's JSON schema of CloudFormation.
func TestSchema(t *testing.T) {
	var s map[string]any
	if err := json.Unmarshal([]byte(schema.CloudformationSchema), &s); err != nil {
		t.Fatal(err)
	}
	definitions := s["definitions"].(map[string]any)
	for name, r := range everySide(t) {
		t.Run(name, func(t *testing.T) {
			for id, res := range r.resources {
				definition, ok := definitions[res.(map[string]any)["Type"].(string)]
				if !ok {
					t.Errorf("%s: goformation knows no such type", id)
					continue
				}
				v := validator{definitions, nil}
				v.check(id, definition.(map[string]any), res)
				for _, p := range v.problems {
					t.Error(p)
				}
			}
		})
	}
}

// TestParses has goformation read the templates: it refuses properties that it
// does not know.
func TestParses(t *testing.T) {
	for name, tmpl := range templates(t) {
		b, err := tmpl.JSON()
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := goformation.ParseJSON(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(parsed.Resources) != len(tmpl.resources) {
			t.Errorf("%s: %d resources read, %d written", name, len(parsed.Resources), len(tmpl.resources))
		}
	}
}

// validator knows the part of JSON schema that goformation's uses.
type validator struct {
	definitions map[string]any
	problems    []string
}

func (v *validator) check(path string, s map[string]any, x any) {
	if to, ok := s["$ref"].(string); ok {
		v.check(path, v.definitions[strings.TrimPrefix(to, "#/definitions/")].(map[string]any), x)
		return
	}
	if any, ok := s["anyOf"].([]any); ok && !v.matchesOne(any, x) {
		v.problem(path, "is nothing that the schema allows")
	}
	if values, ok := s["enum"].([]any); ok && !slices.Contains(values, x) {
		v.problem(path, "%v is none of %v", x, values)
	}
	if wanted, ok := s["type"]; ok && !isType(wanted, x) {
		v.problem(path, "%T is no %v", x, wanted)
		return
	}
	switch x := x.(type) {
	case map[string]any:
		v.object(path, s, x)
	case []any:
		if items, ok := s["items"].(map[string]any); ok {
			for i, e := range x {
				v.check(fmt.Sprintf("%s.%d", path, i), items, e)
			}
		}
	}
}

func (v *validator) object(path string, s map[string]any, x map[string]any) {
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := x[name.(string)]; !ok {
			v.problem(path, "lacks %s", name)
		}
	}
	for name, value := range x {
		if p, ok := properties[name].(map[string]any); ok {
			v.check(path+"."+name, p, value)
		} else if s["additionalProperties"] == false && s["patternProperties"] == nil {
			v.problem(path, "has %s, which the schema does not know", name)
		}
	}
}

func (v *validator) matchesOne(schemas []any, x any) bool {
	return slices.ContainsFunc(schemas, func(s any) bool {
		inner := validator{v.definitions, nil}
		inner.check("", s.(map[string]any), x)
		return len(inner.problems) == 0
	})
}

func (v *validator) problem(path, format string, args ...any) {
	v.problems = append(v.problems, path+" "+fmt.Sprintf(format, args...))
}

// isType takes a number for a string too: CloudFormation does.
func isType(wanted, x any) bool {
	if list, ok := wanted.([]any); ok {
		return slices.ContainsFunc(list, func(w any) bool { return isType(w, x) })
	}
	switch x.(type) {
	case map[string]any:
		return wanted == "object"
	case []any:
		return wanted == "array"
	case bool:
		return wanted == "boolean"
	case float64, json.Number:
		return wanted == "number" || wanted == "string"
	case string:
		return wanted == "string"
	}
	return false
}
