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
)

// The errors of values that cannot be parsed. They are not printed: messages contain
// the expected form and never the value, because it may be a secret.
var (
	errNoDuration = errors.New("no duration")
	errNoList     = errors.New("no JSON array of strings")
	errNoBool     = errors.New("no boolean")
)

// parse parses a text into a field. It passes one field at a time to the library,
// because the errors of the library for a whole struct do not identify the variable and
// quote its value.
func parse(into reflect.Value, text string) error {
	holder := reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: "Value", Type: into.Type(), Tag: `env:"VALUE"`},
	}))
	err := env.ParseWithOptions(holder.Interface(), env.Options{
		Environment: map[string]string{"VALUE": text},
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[time.Duration](): func(s string) (any, error) { return parseDuration(s) },
			reflect.TypeFor[[]string]():      func(s string) (any, error) { return parseList(s) },
			reflect.TypeFor[bool]():          func(s string) (any, error) { return parseBool(s) },
		},
	})
	if err == nil {
		into.Set(holder.Elem().Field(0))
	}
	return err
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
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, errNoBool
	}
	return value, nil
}

// expectedForm describes the form of values of the type.
func expectedForm(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "must be a number of seconds, or a duration such as 30s or 5m"
	case t == reflect.TypeFor[[]string]():
		return `must be a JSON array of strings, such as ["a","b"]`
	}
	switch t.Kind() {
	case reflect.Bool:
		return "must be true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "must be a whole number within range"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "must be a whole number within range, not negative"
	case reflect.Float32, reflect.Float64:
		return "must be a number"
	default:
		return "cannot be read"
	}
}
