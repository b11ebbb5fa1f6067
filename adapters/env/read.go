package env

import (
	"errors"
	"reflect"

	"github.com/huleedu/edge/domain"
)

// validator is a configuration that reports its problems.
type validator interface {
	Problems(environment domain.Environment) []error
}

// warner is a configuration that reports weak or ignored settings.
type warner interface {
	Warnings(environment domain.Environment) []error
}

// completer is a configuration in which the value of a setting that is not set depends
// on others. set reports whether a variable, or an alias of it, is set.
type completer interface {
	Complete(set func(variable string) bool)
}

// Read fills the struct that dst points to, and every struct inside it. It parses the
// variables, calls the Complete methods, which derive settings that are not set, and
// then the Problems methods with the value of the first field of type
// domain.Environment. Its error joins all problems as CONFIGURATION_ERROR, first the
// values that cannot be parsed, in the order of the struct. It quotes no value. Explain
// formats the error. Read panics if dst is not a pointer to a struct.
func Read(dst any, vars map[string]string) error {
	sections := sectionsOf(dst)
	fields := fieldsOf(sections)
	problems := parse(dst, fields, vars)
	complete(sections, fields, vars)
	environment, name := environmentOf(fields, vars)
	if name != "" && !environment.Known() {
		problems = append(problems, domain.Misconfigured(name, "must be development, staging, production or testing"))
	}
	problems = append(problems, collect(sections, vars, func(v validator) []error { return v.Problems(environment) })...)
	return joinDistinct(problems)
}

// Warnings returns the results of the Warnings methods of the structs, one line each,
// without duplicates. Read must have filled dst. A warning does not prevent a start.
func Warnings(dst any, vars map[string]string) []string {
	sections := sectionsOf(dst)
	environment, _ := environmentOf(fieldsOf(sections), vars)
	return Explain(joinDistinct(collect(sections, vars, func(w warner) []error { return w.Warnings(environment) })))
}

// complete calls the Complete methods.
func complete(sections []section, fields []*field, vars map[string]string) {
	present := map[string]bool{}
	for _, f := range fields {
		_, _, present[f.names[0]] = f.find(vars)
	}
	for _, s := range sections {
		if incomplete, is := reflect.TypeAssert[completer](s.value.Addr()); is {
			incomplete.Complete(func(variable string) bool { return present[variable] })
		}
	}
}

// environmentOf returns the value of the first field of type domain.Environment and
// its variable. Both are empty if there is no such field.
func environmentOf(fields []*field, vars map[string]string) (e domain.Environment, name string) {
	for _, f := range fields {
		if e, is := reflect.TypeAssert[domain.Environment](f.value); is {
			name, _, _ := f.find(vars)
			return e, name
		}
	}
	return "", ""
}

// collect calls a method of every section that has it. The section reports variables
// without prefix; the result contains the variables that were read.
func collect[M any](sections []section, vars map[string]string, call func(M) []error) []error {
	var all []error
	for _, s := range sections {
		if m, has := reflect.TypeAssert[M](s.value.Addr()); has {
			for _, problem := range call(m) {
				all = append(all, s.withVariableName(problem, vars))
			}
		}
	}
	return all
}

func (s section) withVariableName(problem error, vars map[string]string) error {
	failure, is := errors.AsType[*domain.Error](problem)
	if !is {
		return domain.Misconfigured(s.value.Type().String(), "cannot be used").WithCause(problem)
	}
	for _, f := range s.fields {
		if failure.Setting == f.tag {
			name, _, _ := f.find(vars)
			return domain.Misconfigured(name, failure.Message).WithCause(failure.Err)
		}
	}
	return failure
}

// joinDistinct joins the problems without duplicates, because several structs may read
// the same variable.
func joinDistinct(problems []error) error {
	known := map[string]bool{}
	var distinct []error
	for _, problem := range problems {
		if line := formatProblem(problem); !known[line] {
			known[line] = true
			distinct = append(distinct, problem)
		}
	}
	return errors.Join(distinct...)
}

// Explain formats an error of Read as lines "NAME: problem" without any value. Other
// errors are one line each.
func Explain(err error) []string {
	if err == nil {
		return nil
	}
	if joined, is := err.(interface{ Unwrap() []error }); is {
		var lines []string
		for _, one := range joined.Unwrap() {
			lines = append(lines, Explain(one)...)
		}
		return lines
	}
	return []string{formatProblem(err)}
}

func formatProblem(err error) string {
	failure, is := errors.AsType[*domain.Error](err)
	if !is {
		return err.Error()
	}
	if failure.Setting != "" {
		return failure.Setting + ": " + failure.Message
	}
	return failure.Message
}
