package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
)

// resolved is a template as CloudFormation would carry it out with the given
// parameters: conditions decided, functions replaced by their values. What
// only AWS can know stands as text: "Name" for a Ref to a resource, and
// "Name.Attribute" for an attribute.
type resolved struct {
	resources map[string]any
	outputs   map[string]any
}

// absent is what AWS::NoValue gives.
type absent struct{}

type resolver struct {
	t          *testing.T
	doc        map[string]any
	parameters map[string]any
}

func resolve(t *testing.T, tmpl *Template, given map[string]string) resolved {
	t.Helper()
	b, err := tmpl.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	r := resolver{t, doc, pseudo()}
	r.setParameters(given)
	r.checkRules()
	return resolved{r.section("Resources"), r.section("Outputs")}
}

func pseudo() map[string]any {
	return map[string]any{
		"AWS::AccountId": "111122223333",
		"AWS::Region":    "eu-west-1",
		"AWS::Partition": "aws",
		"AWS::URLSuffix": "amazonaws.com",
		"AWS::StackName": "stack",
		"AWS::StackId":   "arn:aws:cloudformation:eu-west-1:111122223333:stack/stack/aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
		"AWS::NoValue":   absent{},
	}
}

func (r resolver) setParameters(given map[string]string) {
	given = maps.Clone(given)
	for name, p := range r.doc["Parameters"].(map[string]any) {
		p := p.(map[string]any)
		value, ok := given[name]
		delete(given, name)
		if !ok {
			d, ok := p["Default"]
			if !ok {
				d = "some-" + strings.ToLower(name)
			}
			value = fmt.Sprint(d)
		}
		if pattern, ok := p["AllowedPattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(value) {
			r.t.Fatalf("parameter %s: %q does not match %s", name, value, pattern)
		}
		switch p["Type"] {
		case "Number":
			r.parameters[name] = json.Number(value)
		case "CommaDelimitedList":
			var list []any
			for _, v := range strings.Split(value, ",") {
				list = append(list, v)
			}
			r.parameters[name] = list
		default:
			r.parameters[name] = value
		}
	}
	for name := range given {
		r.t.Fatalf("the template has no parameter %s", name)
	}
}

func (r resolver) checkRules() {
	rules, _ := r.doc["Rules"].(map[string]any)
	for name, rule := range rules {
		for _, a := range rule.(map[string]any)["Assertions"].([]any) {
			if !r.truth(a.(map[string]any)["Assert"]) {
				r.t.Fatalf("rule %s refuses the parameters", name)
			}
		}
	}
}

// section gives what its condition lets exist.
func (r resolver) section(name string) map[string]any {
	out := map[string]any{}
	for k, v := range r.doc[name].(map[string]any) {
		v := v.(map[string]any)
		if c, ok := v["Condition"]; ok && !r.truth(map[string]any{"Condition": c}) {
			continue
		}
		delete(v, "Condition")
		out[k] = r.value(v)
	}
	return out
}

func (r resolver) truth(v any) bool {
	f := v.(map[string]any)
	for name, arg := range f {
		switch name {
		case "Condition":
			return r.truth(r.doc["Conditions"].(map[string]any)[arg.(string)])
		case "Fn::Not":
			return !r.truth(arg.([]any)[0])
		case "Fn::And", "Fn::Or":
			for _, x := range arg.([]any) {
				if r.truth(x) != (name == "Fn::And") {
					return name == "Fn::Or"
				}
			}
			return name == "Fn::And"
		case "Fn::Equals":
			l := arg.([]any)
			return fmt.Sprint(r.value(l[0])) == fmt.Sprint(r.value(l[1]))
		}
	}
	r.t.Fatalf("no condition: %v", v)
	return false
}

func (r resolver) value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 {
			for name, arg := range v {
				if name == "Ref" || strings.HasPrefix(name, "Fn::") {
					return r.function(name, arg)
				}
			}
		}
		out := map[string]any{}
		for k, x := range v {
			if x := r.value(x); x != (absent{}) {
				out[k] = x
			}
		}
		return out
	case []any:
		out := []any{}
		for _, x := range v {
			if x := r.value(x); !isAbsent(x) {
				out = append(out, x)
			}
		}
		return out
	}
	return v
}

func isAbsent(v any) bool { _, ok := v.(absent); return ok }

func (r resolver) function(name string, arg any) any {
	list, _ := arg.([]any)
	switch name {
	case "Ref":
		return r.named(arg.(string))
	case "Fn::GetAtt":
		return r.named(list[0].(string)).(string) + "." + list[1].(string)
	case "Fn::If":
		if r.truth(map[string]any{"Condition": list[0]}) {
			return r.value(list[1])
		}
		return r.value(list[2])
	case "Fn::Join":
		var texts []string
		for _, x := range r.value(list[1]).([]any) {
			texts = append(texts, fmt.Sprint(x))
		}
		return strings.Join(texts, list[0].(string))
	case "Fn::Split":
		var out []any
		for _, s := range strings.Split(r.value(list[1]).(string), list[0].(string)) {
			out = append(out, s)
		}
		return out
	case "Fn::Select":
		return r.value(list[1]).([]any)[int(list[0].(float64))]
	case "Fn::GetAZs":
		return []any{"eu-west-1a", "eu-west-1b", "eu-west-1c"}
	case "Fn::Base64":
		return r.value(arg)
	case "Fn::Sub":
		return r.substitute(arg)
	}
	r.t.Fatalf("no function: %s", name)
	return nil
}

// named is a parameter's value, or a resource's name, if it exists.
func (r resolver) named(name string) any {
	if v, ok := r.parameters[name]; ok {
		return v
	}
	res, ok := r.doc["Resources"].(map[string]any)[name].(map[string]any)
	if !ok {
		r.t.Fatalf("nothing is named %s", name)
	}
	if c, ok := res["Condition"]; ok && !r.truth(map[string]any{"Condition": c}) {
		r.t.Fatalf("%s is used where it does not exist", name)
	}
	return name
}

func (r resolver) substitute(arg any) string {
	vars := map[string]any{}
	text, ok := arg.(string)
	if !ok {
		text, vars = arg.([]any)[0].(string), arg.([]any)[1].(map[string]any)
	}
	return regexp.MustCompile(`\$\{([A-Za-z0-9:.]+)\}`).ReplaceAllStringFunc(text, func(m string) string {
		name := m[2 : len(m)-1]
		if v, ok := vars[name]; ok {
			return fmt.Sprint(r.value(v))
		}
		if base, attribute, ok := strings.Cut(name, "."); ok {
			return fmt.Sprint(r.named(base)) + "." + attribute
		}
		return fmt.Sprint(r.named(name))
	})
}

// at follows names and list positions into a resource's properties; nil where
// the path ends early.
func (r resolved) at(path string) any {
	steps := strings.Split(path, ".")
	res, ok := r.resources[steps[0]].(map[string]any)
	if !ok {
		return nil
	}
	v := res["Properties"]
	for _, s := range steps[1:] {
		switch node := v.(type) {
		case map[string]any:
			v = node[s]
		case []any:
			var n int
			if _, err := fmt.Sscan(s, &n); err != nil || n >= len(node) {
				return nil
			}
			v = node[n]
		default:
			return nil
		}
	}
	return v
}
