package asyncapi

import (
	"strings"
)

// maxDepth bounds the nesting of the fields that are shown, because a schema can refer to
// itself.
const maxDepth = 5

// field is a member of a message.
type field struct {
	// Path has a dot for each level, and [] for the elements of an array.
	Path     string
	Type     string
	Required bool
	About    string
}

// fields returns the members of a schema and, behind each, the members inside it.
func (d document) fields(schema value) []field { return d.fieldsBelow(schema, "", maxDepth) }

func (d document) fieldsBelow(schema value, prefix string, depth int) []field {
	schema, _ = d.resolve(schema)
	if depth == 0 {
		return nil
	}
	if items := schema.get("items"); items != nil {
		return d.fieldsBelow(items, strings.TrimSuffix(prefix, ".")+"[].", depth-1)
	}
	required := map[string]bool{}
	for name := range schema.get("required").items() {
		required[name.text()] = true
	}
	var out []field
	for name, property := range schema.get("properties").members() {
		resolved, _ := d.resolve(property)
		out = append(out, field{
			Path: prefix + name, Type: typeOf(resolved), Required: required[name], About: resolved.get("description").text(),
		})
		out = append(out, d.fieldsBelow(resolved, prefix+name+".", depth-1)...)
	}
	return out
}

// typeOf describes the values that a schema allows: its only value, its list of values, or
// its type with the format.
func typeOf(schema value) string {
	if only := schema.get("const"); only != nil {
		return string(only)
	}
	var values []string
	for v := range schema.get("enum").items() {
		values = append(values, string(v))
	}
	if values != nil {
		return strings.Join(values, " | ")
	}
	types := []string{}
	for one := range schema.get("type").items() {
		types = append(types, one.text())
	}
	if single := schema.get("type").text(); single != "" {
		types = append(types, single)
	}
	if len(types) == 0 {
		return "any"
	}
	out := strings.Join(types, " | ")
	if format := schema.get("format").text(); format != "" {
		out += " (" + format + ")"
	}
	return out
}
