package env

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// field is a setting: a struct field and its variables.
type field struct {
	value       reflect.Value
	declaredIn  reflect.Type // the struct that declares the field
	spec        reflect.StructField
	tag         string   // the variable without prefix
	names       []string // the variables in order of precedence
	defaultText string   // the value if no variable is set
}

// section is a configuration struct with the settings that it declares.
type section struct {
	value  reflect.Value
	fields []*field
}

// sectionsOf returns the sections of the struct that dst points to: outer before inner,
// in the order of the source. A struct without an "env" tag is a section. An embedded
// struct belongs to the enclosing section, which has its methods.
func sectionsOf(dst any) []section {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		panic("env: the destination must be a pointer to a struct")
	}
	return collectSections(v.Elem(), tagContext{})
}

// tagContext contains the tags of the structs that enclose a setting.
type tagContext struct {
	prefix            string
	defaults, aliases map[string]string
}

// nested returns the context of the settings in a struct with this tag.
func (u tagContext) nested(tag reflect.StructTag) tagContext {
	return tagContext{
		prefix:   u.prefix + tag.Get("envPrefix"),
		defaults: parsePairs(u.defaults, tag.Get("defaults")),
		aliases:  parsePairs(u.aliases, tag.Get("aliases")),
	}
}

// parsePairs parses "NAME=value;NAME=value". The tags of outer structs have precedence.
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

// isText reports whether the empty text is a value of the field.
func (f *field) isText() bool { return f.spec.Type.Kind() == reflect.String }
