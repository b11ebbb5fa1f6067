package env

import (
	"reflect"
	"slices"
	"strings"
)

// field is a setting: a struct field and its variables.
type field struct {
	value      reflect.Value
	declaredIn reflect.Type // the struct that declares the field
	spec       reflect.StructField
	tag        string   // the variable without prefix
	names      []string // the variables in order of precedence
	// defaultText is the value if no variable is set. replaced reports that the tag of
	// an enclosing struct contains it, and not that of the field.
	defaultText string
	replaced    bool
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

// fieldsOf returns the settings of the sections.
func fieldsOf(sections []section) []*field {
	var all []*field
	for _, s := range sections {
		all = append(all, s.fields...)
	}
	return all
}

// distinctFields returns one field for each variable that dst reads.
func distinctFields(dst any) []*field {
	known := map[string]bool{}
	return slices.DeleteFunc(fieldsOf(sectionsOf(dst)), func(f *field) bool {
		twice := known[f.names[0]]
		known[f.names[0]] = true
		return twice
	})
}

// tagContext contains the tags of the structs that enclose a setting.
type tagContext struct {
	prefix string
	outer  []reflect.StructTag // outermost first
}

// nested returns the context of the settings in a struct with this tag.
func (c tagContext) nested(tag reflect.StructTag) tagContext {
	return tagContext{c.prefix + tag.Get("envPrefix"), append(slices.Clip(c.outer), tag)}
}

// lookup returns the value that the outermost struct sets for a setting.
func (c tagContext) lookup(key, setting string) (value string, found bool) {
	for _, tag := range c.outer {
		if value, found = tag.Lookup(key + "." + setting); found {
			break
		}
	}
	return value, found
}

func collectSections(v reflect.Value, c tagContext) []section {
	own := section{value: v}
	var inner []section
	for spec, value := range v.Fields() {
		switch _, isSetting := spec.Tag.Lookup("env"); {
		case !spec.IsExported():
		case isSetting:
			own.fields = append(own.fields, newField(v.Type(), spec, value, c))
		case spec.Type.Kind() == reflect.Struct:
			nested := collectSections(value, c.nested(spec.Tag))
			if spec.Anonymous {
				own.fields = append(own.fields, nested[0].fields...)
				nested = nested[1:]
			}
			inner = append(inner, nested...)
		}
	}
	return append([]section{own}, inner...)
}

func newField(declaredIn reflect.Type, spec reflect.StructField, value reflect.Value, c tagContext) *field {
	tag := spec.Tag.Get("env")
	f := &field{value: value, declaredIn: declaredIn, spec: spec, tag: tag, names: []string{c.prefix + tag}}
	if f.defaultText, f.replaced = c.lookup("envDefault", tag); !f.replaced {
		f.defaultText = spec.Tag.Get("envDefault")
	}
	enclosing, _ := c.lookup("alias", tag)
	for alias := range strings.SplitSeq(enclosing+","+spec.Tag.Get("alias"), ",") {
		if alias != "" && !slices.Contains(f.names, alias) {
			f.names = append(f.names, alias)
		}
	}
	return f
}

// find returns the name and the text of the first of the field's variables that is
// set. An empty variable counts as not set, unless the field is a text: there the empty
// text is a value, and blanks belong to it. If no variable is set, find returns the
// main name.
func (f *field) find(vars map[string]string) (name, text string, set bool) {
	isText := f.spec.Type.Kind() == reflect.String
	for _, name := range f.names {
		text, set := vars[name]
		if !isText {
			text = strings.TrimSpace(text)
		}
		if set && (isText || text != "") {
			return name, text, true
		}
	}
	return f.names[0], "", false
}
