package env

import (
	"errors"
	"reflect"
	"strings"

	"github.com/huleedu/edge/domain"
)

// validator is a configuration that reports its problems.
type validator interface {
	Problems(environment domain.Environment) []error
}

// Read fills the struct that dst points to, and every struct inside it. It parses the
// variables, calls the Complete methods, which derive settings that are not set, and
// then the Problems methods with the value of the first field of type
// domain.Environment. Its error joins all problems as CONFIGURATION_ERROR, first the
// values that cannot be parsed, in the order of the struct. It quotes no value. Explain
// formats the error. Read panics if dst is not a pointer to a struct.
func Read(dst any, vars map[string]string) error {
	sections := sectionsOf(dst)
	found := &problemList{}
	for _, s := range sections {
		for _, f := range s.fields {
			found.fill(f, vars)
		}
	}
	complete(sections, vars)
	environment := environmentOf(sections)
	for _, s := range sections {
		found.validate(s, environment, vars)
	}
	return errors.Join(found.problems...)
}

// completer is a configuration in which the value of a setting that is not set depends
// on others. set reports whether a variable, or an alias of it, is set.
type completer interface {
	Complete(set func(variable string) bool)
}

// complete calls the Complete methods.
func complete(sections []section, vars map[string]string) {
	present := map[string]bool{}
	for _, s := range sections {
		for _, f := range s.fields {
			_, _, present[f.names[0]] = f.find(vars)
		}
	}
	for _, s := range sections {
		if incomplete, is := reflect.TypeAssert[completer](s.value.Addr()); is {
			incomplete.Complete(func(variable string) bool { return present[variable] })
		}
	}
}

// warner is a configuration that reports weak or ignored settings.
type warner interface {
	Warnings(environment domain.Environment) []error
}

// Warnings returns the results of the Warnings methods of the structs, one line each,
// without duplicates. Read must have filled dst. A warning does not prevent a start.
func Warnings(dst any, vars map[string]string) []string {
	sections := sectionsOf(dst)
	environment, found := environmentOf(sections), &problemList{}
	for _, s := range sections {
		if asked, can := reflect.TypeAssert[warner](s.value.Addr()); can {
			for _, warning := range asked.Warnings(environment) {
				found.add(s.withVariableName(warning, vars))
			}
		}
	}
	return Explain(errors.Join(found.problems...))
}

// environmentOf returns the value of the first field of type domain.Environment.
func environmentOf(sections []section) domain.Environment {
	for _, s := range sections {
		for _, f := range s.fields {
			if e, is := reflect.TypeAssert[domain.Environment](f.value); is && e != "" {
				return e
			}
		}
	}
	return ""
}

// problemList collects problems without duplicates, because several structs may read
// the same variable.
type problemList struct{ problems []error }

func (f *problemList) add(problem error) {
	for _, known := range f.problems {
		if formatProblem(known) == formatProblem(problem) {
			return
		}
	}
	f.problems = append(f.problems, problem)
}

// fill fills one field. A field that cannot be parsed keeps its default, so that the
// Problems methods do not report it again.
func (f *problemList) fill(setting *field, vars map[string]string) {
	name, text, set := setting.find(vars)
	switch {
	case !setting.isText():
		text = strings.TrimSpace(text)
	case set && text == "":
		setting.value.SetZero()
		f.checkEnvironment(setting, name)
		return
	}
	if err := parse(setting.value, setting.defaultText); err != nil {
		f.add(domain.Misconfigured(setting.names[0], "has a default that cannot be read"))
	}
	if set && parse(setting.value, text) != nil {
		f.add(domain.Misconfigured(name, expectedForm(setting.spec.Type)))
	}
	f.checkEnvironment(setting, name)
}

func (f *problemList) checkEnvironment(setting *field, name string) {
	if e, is := reflect.TypeAssert[domain.Environment](setting.value); is && !e.Known() {
		f.add(domain.Misconfigured(name, "must be development, staging, production or testing"))
	}
}

// validate adds the problems of a section. A section reports variables without prefix;
// the problem contains the variable that was read.
func (f *problemList) validate(s section, environment domain.Environment, vars map[string]string) {
	asked, can := reflect.TypeAssert[validator](s.value.Addr())
	if !can {
		return
	}
	for _, problem := range asked.Problems(environment) {
		f.add(s.withVariableName(problem, vars))
	}
}

func (s section) withVariableName(problem error, vars map[string]string) error {
	failure, is := errors.AsType[*domain.Error](problem)
	if !is {
		return domain.Misconfigured(s.value.Type().String(), "cannot be used").WithCause(problem)
	}
	for _, setting := range s.fields {
		if failure.Setting == setting.tag {
			name, _, _ := setting.find(vars)
			return domain.Misconfigured(name, failure.Message).WithCause(failure.Err)
		}
	}
	return failure
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
