package stack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// lineWidth is how long a line of a template may get by leaving an object or
// list on it. With every member on a line of its own the ecs template would
// exceed the 51,200 bytes that CreateStack takes without a bucket.
const lineWidth = 120

// layOut encodes maps, lists, strings, numbers and booleans as JSON, keys
// sorted, '<', '>' and '&' as they are.
func layOut(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := appendJSON(&b, v, ""); err != nil {
		return nil, fmt.Errorf("encode template: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func appendJSON(b *bytes.Buffer, v any, indent string) error {
	line, err := compact(v)
	if err != nil {
		return err
	}
	object, isObject := v.(map[string]any)
	list, isList := v.([]any)
	if len(indent)+len(line) <= lineWidth || !isObject && !isList {
		b.Write(line)
		return nil
	}
	inner := indent + " "
	if isList {
		b.WriteString("[")
		for i, x := range list {
			separate(b, i, inner)
			if err := appendJSON(b, x, inner); err != nil {
				return err
			}
		}
		b.WriteString("\n" + indent + "]")
		return nil
	}
	b.WriteString("{")
	for i, key := range slices.Sorted(maps.Keys(object)) {
		separate(b, i, inner)
		name, err := compact(key)
		if err != nil {
			return err
		}
		b.Write(name)
		b.WriteString(": ")
		if err := appendJSON(b, object[key], inner); err != nil {
			return err
		}
	}
	b.WriteString("\n" + indent + "}")
	return nil
}

func separate(b *bytes.Buffer, i int, indent string) {
	if i > 0 {
		b.WriteByte(',')
	}
	b.WriteString("\n" + indent)
}

func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}
