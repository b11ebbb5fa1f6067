package env

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// field is one setting: a place in a struct and the variables that fill it.
type field struct {
	value       reflect.Value
	declaredIn  reflect.Type // the struct that declares it
	spec        reflect.StructField
	tag         string   // the variable without prefix, as the adapter calls it
	names       []string // the variables in the order they are tried
	defaultText string   // the value when none is set
}

// section is one configuration struct, with the settings it declares itself.
type section struct {
	value  reflect.Value
	fields []*field
}

// sectionsOf walks the struct behind a pointer: outer before inner, in the
// order of the source. A struct without an "env" tag is a section of its own; an
// embedded one is part of the struct around it, which has its methods.
func sectionsOf(dst any) []section {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		panic("env: the destination must be a pointer to a struct")
	}
	return collectSections(v.Elem(), tagContext{})
}

// tagContext is what the tags of the structs around a setting say of it.
type tagContext struct {
	prefix            string
	defaults, aliases map[string]string
}

// nested is the use of the settings in a struct with this tag.
func (u tagContext) nested(tag reflect.StructTag) tagContext {
	return tagContext{
		prefix:   u.prefix + tag.Get("envPrefix"),
		defaults: parsePairs(u.defaults, tag.Get("defaults")),
		aliases:  parsePairs(u.aliases, tag.Get("aliases")),
	}
}

// parsePairs reads "NAME=value;NAME=value". What the outer structs say wins.
func parsePairs(outer map[string]string, text string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(text, ";") {
		if name, value, is := strings.Cut(pair, "="); is {
			out[name] = value
		}
	}
	maps.Copy(out, outer)
	return out
}

func collectSections(v reflect.Value, u tagContext) []section {
	own := section{value: v}
	var inner []section
	for i := range v.NumField() {
		spec := v.Type().Field(i)
		if !spec.IsExported() {
			continue
		}
		if tag := spec.Tag.Get("env"); tag != "" {
			own.fields = append(own.fields, newField(v, i, tag, u))
		} else if spec.Anonymous && spec.Type.Kind() == reflect.Struct {
			embedded := collectSections(v.Field(i), u.nested(spec.Tag))
			own.fields = append(own.fields, embedded[0].fields...)
			inner = append(inner, embedded[1:]...)
		} else if spec.Type.Kind() == reflect.Struct {
			inner = append(inner, collectSections(v.Field(i), u.nested(spec.Tag))...)
		}
	}
	return append([]section{own}, inner...)
}

func newField(v reflect.Value, i int, tag string, u tagContext) *field {
	spec := v.Type().Field(i)
	f := &field{value: v.Field(i), declaredIn: v.Type(), spec: spec, tag: tag, defaultText: spec.Tag.Get("envDefault")}
	if other, set := u.defaults[tag]; set {
		f.defaultText = other
	}
	f.names = []string{u.prefix + tag}
	for alias := range strings.SplitSeq(u.aliases[tag]+","+spec.Tag.Get("alias"), ",") {
		if alias != "" && !slices.Contains(f.names, alias) {
			f.names = append(f.names, alias)
		}
	}
	return f
}

// find returns the name and value of the first of the field's variables that is
// set. An empty variable counts as not set, unless the field is a text: there the
// empty text is a value. If no variable is set, find returns the main name.
func (f *field) find(vars map[string]string) (name, text string, set bool) {
	for _, name := range f.names {
		text, set := vars[name]
		if set && (f.isText() || strings.TrimSpace(text) != "") {
			return name, text, true
		}
	}
	return f.names[0], "", false
}

// isText reports whether an empty value means something for the field.
func (f *field) isText() bool { return f.spec.Type.Kind() == reflect.String }
