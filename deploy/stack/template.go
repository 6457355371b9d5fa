package stack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Template is one CloudFormation template. See "Template sections" in the AWS
// CloudFormation User Guide.
type Template struct {
	description string
	parameters  map[string]parameter
	rules       map[string]any
	conditions  map[string]fn
	resources   map[string]resource
	outputs     map[string]output
	late        []assignment
}

// resource is any of goformation's resource types. They marshal themselves
// with Type and Properties.
type resource interface{ AWSCloudFormationType() string }

type parameter struct {
	Type                  string
	Description           string
	Default               any    `json:",omitempty"`
	AllowedValues         any    `json:",omitempty"`
	AllowedPattern        string `json:",omitempty"`
	ConstraintDescription string `json:",omitempty"`
	MinValue              *int   `json:",omitempty"`
	MaxValue              *int   `json:",omitempty"`
	MinLength             *int   `json:",omitempty"`
}

type output struct {
	Description string
	Value       any
	Condition   string `json:",omitempty"`
}

// assignment is a property that goformation's types cannot hold: they want a
// number, a list or a structure where CloudFormation also takes a function.
type assignment struct {
	resource, path string
	value          any
}

func newTemplate(description string) *Template {
	return &Template{
		description: description,
		parameters:  map[string]parameter{},
		rules:       map[string]any{},
		conditions:  map[string]fn{},
		resources:   map[string]resource{},
		outputs:     map[string]output{},
	}
}

// set gives a property of a resource its value when the template is encoded.
// path leads to it by names and list positions, separated by dots; all of it
// but the last step must exist.
func (t *Template) set(resource, path string, value any) {
	t.late = append(t.late, assignment{resource, path, value})
}

// JSON encodes the template with sorted keys, a line for what fits on one, and
// a newline at the end.
func (t *Template) JSON() ([]byte, error) {
	doc := map[string]any{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Description":              t.description,
		"Parameters":               t.parameters,
		"Resources":                t.resources,
		"Outputs":                  t.outputs,
	}
	if len(t.rules) > 0 {
		doc["Rules"] = t.rules
	}
	if len(t.conditions) > 0 {
		doc["Conditions"] = t.conditions
	}
	plain, err := generic(doc)
	if err != nil {
		return nil, err
	}
	resources, _ := plain.(map[string]any)["Resources"].(map[string]any)
	for _, a := range t.late {
		if err := a.apply(resources); err != nil {
			return nil, err
		}
	}
	return layOut(plain)
}

// generic turns v into maps, lists, strings and numbers, with every function
// that a string carries put in its place.
func generic(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode template: %w", err)
	}
	return decode(b)
}

func decode(b []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode template: %w", err)
	}
	return unpack(v)
}

func unpack(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if v[k], err = unpack(x); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, x := range v {
			if v[i], err = unpack(x); err != nil {
				return nil, err
			}
		}
	case string:
		if packed, ok := strings.CutPrefix(v, functionMark); ok {
			return decode([]byte(packed))
		}
	}
	return v, nil
}

func (a assignment) apply(resources map[string]any) error {
	where := a.resource + "." + a.path
	value, err := generic(a.value)
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	res, ok := resources[a.resource].(map[string]any)
	if !ok {
		return fmt.Errorf("%s: no such resource", where)
	}
	steps := strings.Split("Properties."+a.path, ".")
	var at any = res
	for i, step := range steps {
		last := i == len(steps)-1
		switch node := at.(type) {
		case map[string]any:
			if last {
				node[step] = value
			}
			at = node[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(node) {
				return fmt.Errorf("%s: no element %q", where, step)
			}
			if last {
				node[n] = value
			}
			at = node[n]
		default:
			return fmt.Errorf("%s: nothing at %q", where, step)
		}
	}
	return nil
}
