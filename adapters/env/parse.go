package env

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/huleedu/edge/domain"
)

// These errors are not printed: messages contain the expected form and never the value,
// because it may be a secret.
var (
	// errNoDuration is the error of a value that is not a duration.
	errNoDuration = errors.New("no duration")
	// errNoList is the error of a value that is not a JSON array of strings.
	errNoList = errors.New("no JSON array of strings")
)

// parse fills the fields of dst. It returns the values that cannot be parsed as
// problems; their fields keep the default, so that the Problems methods do not report
// them again.
func parse(dst any, fields []*field, vars map[string]string) []error {
	texts := map[string]string{}
	for _, f := range fields {
		f.value.SetZero()
		if _, text, set := f.find(vars); set {
			texts[f.names[0]] = text
		} else if f.replaced {
			texts[f.names[0]] = f.defaultText
		}
	}
	var problems []error
	if parseTexts(dst, texts) != nil {
		problems = removeInvalid(dst, fields, vars, texts)
		if err := parseTexts(dst, texts); err != nil {
			problems = append(problems, defaultError(err))
		}
	}
	for _, f := range fields {
		if text, set := texts[f.names[0]]; set && text == "" {
			f.value.SetZero() // the library sets the default
		}
	}
	return problems
}

// removeInvalid removes the texts that cannot be parsed and returns them as problems.
// The errors of the library do not identify the variable, and quote its value.
// Therefore each variable is parsed alone.
func removeInvalid(dst any, fields []*field, vars, texts map[string]string) []error {
	var problems []error
	for _, f := range fields {
		key := f.names[0]
		text, set := texts[key]
		alone := reflect.New(reflect.TypeOf(dst).Elem()).Interface()
		if set && parseTexts(alone, map[string]string{key: text}) != nil {
			name, _, _ := f.find(vars)
			_, expected := formOf(f.spec.Type)
			problems = append(problems, domain.Misconfigured(name, expected))
			delete(texts, key)
			if f.replaced {
				texts[key] = f.defaultText
			}
		}
	}
	return problems
}

// defaultError is the problem of a struct whose default cannot be parsed.
func defaultError(err error) error {
	invalid, _ := errors.AsType[env.ParseError](err)
	return domain.Misconfigured(invalid.Name, "has a default that cannot be read")
}

// parseTexts fills the struct that dst points to with defaults and with texts, the
// values by main variable.
func parseTexts(dst any, texts map[string]string) error {
	return env.ParseWithOptions(dst, env.Options{
		Environment: texts,
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[time.Duration](): func(s string) (any, error) { return parseDuration(s) },
			reflect.TypeFor[[]string]():      func(s string) (any, error) { return parseList(s) },
			reflect.TypeFor[bool]():          func(s string) (any, error) { return parseBool(s) },
		},
	})
}

// parseDuration parses a decimal number of seconds or a Go duration.
func parseDuration(text string) (time.Duration, error) {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.ParseDuration(text)
	}
	nanoseconds := seconds * float64(time.Second)
	if math.IsNaN(nanoseconds) || math.Abs(nanoseconds) >= math.MaxInt64 {
		return 0, errNoDuration
	}
	return time.Duration(math.Round(nanoseconds)), nil
}

// parseList parses a JSON array of strings.
func parseList(text string) ([]string, error) {
	var elements []*string
	if err := json.Unmarshal([]byte(text), &elements); err != nil || elements == nil {
		return nil, errNoList
	}
	list := make([]string, len(elements))
	for i, element := range elements {
		if element == nil {
			return nil, errNoList
		}
		list[i] = *element
	}
	return list, nil
}

// parseBool parses the boolean values of Go and YAML.
func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "yes", "y", "on":
		return true, nil
	case "no", "n", "off":
		return false, nil
	}
	return strconv.ParseBool(text)
}

// formOf returns the kind of a type, for Setting, and what a value must be, for
// messages.
func formOf(t reflect.Type) (kind, expected string) {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "seconds", "must be a number of seconds, or a duration such as 30s or 5m"
	case reflect.TypeFor[[]string]():
		return "JSON array", `must be a JSON array of strings, such as ["a","b"]`
	case reflect.TypeFor[domain.Secret]():
		return "secret", "cannot be read"
	}
	switch k := t.Kind(); {
	case k == reflect.Bool:
		return "boolean", "must be true or false"
	case k >= reflect.Int && k <= reflect.Int64:
		return "number", "must be a whole number within range"
	case k >= reflect.Uint && k <= reflect.Uintptr:
		return "number", "must be a whole number within range, not negative"
	case k == reflect.Float32 || k == reflect.Float64:
		return "number", "must be a number"
	default:
		return "text", "cannot be read"
	}
}
