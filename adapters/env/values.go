package env

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/huleedu/edge/domain"
)

// Value is a setting in effect, without secrets.
type Value struct {
	// Name is the main variable, with its prefix.
	Name string
	// Text is the value. A secret is [redacted] and credentials in a URL are ***. An
	// invalid value is not shown, because it may contain a secret.
	Text string
	// Variable is the variable that set it; empty for the default.
	Variable string
}

// unusableValue replaces an invalid value.
const unusableValue = "[cannot be used]"

// Inspect calls Read and also returns the value of each setting, in the order of the
// struct, without duplicates.
func Inspect(dst any, vars map[string]string) ([]Value, error) {
	err := Read(dst, vars)
	problems := Explain(err)
	var all []Value
	for _, f := range distinctFields(dst) {
		all = append(all, f.describe(vars, problems))
	}
	return all, err
}

// describe returns the value of the field. The value is hidden if there is a problem
// with its variable.
func (f *field) describe(vars map[string]string, problems []string) Value {
	name, _, set := f.find(vars)
	v := Value{Name: f.names[0], Text: f.text()}
	if set {
		v.Variable = name
	}
	invalid := slices.ContainsFunc(problems, func(line string) bool { return strings.HasPrefix(line, name+": ") })
	if invalid && v.Text != "" {
		v.Text = unusableValue
	}
	return v
}

// text returns the value of the field in the form of a variable.
func (f *field) text() string {
	switch value := f.value.Interface().(type) {
	case domain.Secret:
		if f.spec.Tag.Get("form") == formURL {
			return maskCredentials(value.Reveal())
		}
		return value.String()
	case []string:
		// Encoding a list of strings cannot fail.
		list, _ := json.Marshal(value)
		return maskCredentials(string(list))
	default:
		return quoteControls(maskCredentials(fmt.Sprint(value)))
	}
}

// quoteControls quotes a text with control characters.
func quoteControls(text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return strconv.Quote(text)
	}
	return text
}

// maskCredentials masks the credentials in a URL: everything before the last @, and
// query parameters whose names suggest a secret.
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

// isSecretName reports whether a name suggests a secret.
func isSecretName(name string) bool {
	return slices.ContainsFunc([]string{"pass", "user", "token", "secret", "key", "auth", "sig"}, func(word string) bool {
		return strings.Contains(strings.ToLower(name), word)
	})
}

// formURL is the "form" of a secret that is a URL with credentials.
const formURL = "URL"
