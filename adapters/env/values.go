package env

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/huleedu/edge/domain"
)

// Value is a setting as it takes effect, fit to be shown to anybody.
type Value struct {
	// Name is the variable, with its prefix, whichever one was used.
	Name string
	// Text is the value: a secret is [redacted], credentials in a URL are ***,
	// and one that is part of a problem is not shown, because it may be
	// anything.
	Text string
	// Variable is the one that set it; empty: the default holds.
	Variable string
}

// unusableValue stands for a value that something is wrong with.
const unusableValue = "[cannot be used]"

// Inspect is Read that also tells what each setting has become, in the order
// of the struct, each variable once.
func Inspect(dst any, vars map[string]string) ([]Value, error) {
	err := Read(dst, vars)
	wrong := invalidVariables(err)
	var all []Value
	known := map[string]struct{}{}
	for _, s := range sectionsOf(dst) {
		for _, f := range s.fields {
			if _, twice := known[f.names[0]]; twice {
				continue
			}
			known[f.names[0]] = struct{}{}
			all = append(all, f.describe(vars, wrong))
		}
	}
	return all, err
}

func (f *field) describe(vars map[string]string, wrong []string) Value {
	name, _, set := f.find(vars)
	v := Value{Name: f.names[0], Text: f.text()}
	if set {
		v.Variable = name
	}
	if slices.Contains(wrong, name) && v.Text != "" {
		v.Text = unusableValue
	}
	return v
}

// text prints the field's value the way a variable would be written.
func (f *field) text() string {
	switch value := f.value.Interface().(type) {
	case domain.Secret:
		if f.spec.Tag.Get("form") == formURL {
			return maskCredentials(value.Reveal())
		}
		return value.String()
	case []string:
		// A list of strings has no form that JSON lacks.
		list, _ := json.Marshal(value)
		return maskCredentials(string(list))
	default:
		return quoteControls(maskCredentials(fmt.Sprint(value)))
	}
}

// quoteControls quotes what would not stand on one line.
func quoteControls(text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return strconv.Quote(text)
	}
	return text
}

// maskCredentials hides the credentials of a text that is a URL: all that stands before
// the last @, wherever that is, and options whose names speak of secrets.
func maskCredentials(text string) string {
	scheme, rest, is := strings.Cut(text, "://")
	if !is {
		return text
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "***:***" + rest[at:]
	}
	address, query, has := strings.Cut(rest, "?")
	if !has {
		return scheme + "://" + address
	}
	options := strings.Split(query, "&")
	for i, option := range options {
		if name, _, given := strings.Cut(option, "="); given && isSecretName(name) {
			options[i] = name + "=***"
		}
	}
	return scheme + "://" + address + "?" + strings.Join(options, "&")
}

// isSecretName reports whether a name promises a secret.
func isSecretName(name string) bool {
	return slices.ContainsFunc([]string{"pass", "user", "token", "secret", "key", "auth", "sig"}, func(word string) bool {
		return strings.Contains(strings.ToLower(name), word)
	})
}

// invalidVariables are the variables that an error of Read names.
func invalidVariables(err error) []string {
	joined, is := err.(interface{ Unwrap() []error })
	if !is {
		return nil
	}
	var names []string
	for _, one := range joined.Unwrap() {
		if failure, is := errors.AsType[*domain.Error](one); is {
			name, _ := failure.Details["config_key"].(string)
			names = append(names, name)
		}
	}
	return names
}

// formURL is the "form" of a secret that is a URL with credentials inside.
const formURL = "URL"

// kindOf names a field's form for the documentation.
func kindOf(f reflect.StructField) string {
	switch {
	case f.Tag.Get("form") != "":
		return f.Tag.Get("form")
	case f.Type == reflect.TypeFor[domain.Secret]():
		return "secret"
	case f.Type.String() == "time.Duration":
		return "seconds"
	case f.Type == reflect.TypeFor[[]string]():
		return "JSON array"
	}
	switch f.Type.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "text"
	default:
		return "number"
	}
}
