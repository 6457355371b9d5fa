package stack

import "encoding/json"

// fn is a CloudFormation function with its arguments, or any other object of
// a template.
type fn = map[string]any

// functionMark starts a string that carries a function. CloudFormation takes
// no string with a zero byte, so no ordinary one can start like this.
const functionMark = "\x00"

// str packs f into a string, for properties that goformation types as one.
func str(f fn) string {
	b, err := json.Marshal(f)
	if err != nil { // maps, lists and strings alone: cannot be
		return err.Error()
	}
	return functionMark + string(b)
}

func ref(name string) fn                { return fn{"Ref": name} }
func sub(text string) fn                { return fn{"Fn::Sub": text} }
func att(name, attribute string) fn     { return fn{"Fn::GetAtt": []any{name, attribute}} }
func iff(condition string, a, b any) fn { return fn{"Fn::If": []any{condition, a, b}} }
func join(sep string, list any) fn      { return fn{"Fn::Join": []any{sep, list}} }
func split(sep string, text any) fn     { return fn{"Fn::Split": []any{sep, text}} }
func pick(i int, list any) fn           { return fn{"Fn::Select": []any{i, list}} }
func equals(a, b any) fn                { return fn{"Fn::Equals": []any{a, b}} }
func not(f fn) fn                       { return fn{"Fn::Not": []any{f}} }
func and(f ...fn) fn                    { return fn{"Fn::And": f} }
func or(f ...fn) fn                     { return fn{"Fn::Or": f} }
func condition(name string) fn          { return fn{"Condition": name} }
func noValue() fn                       { return ref("AWS::NoValue") }

// subWith is sub with variables of its own.
func subWith(text string, vars fn) fn { return fn{"Fn::Sub": []any{text, vars}} }

// empty and given are the conditions that a parameter is, or is not, empty.
func empty(name string) fn { return equals(ref(name), "") }
func given(name string) fn { return not(empty(name)) }
