// Package env fills the configuration structs of the adapters from the
// environment. A struct's tags say where each field comes from:
//
//	env        the variable, behind the prefixes of the structs around it
//	alias      other variables, taken as they are, tried in order after it
//	envDefault the value when none of them is set
//	form       "URL" on a secret whose address may be shown, without credentials
//	envPrefix  on a struct: goes in front of every "env" inside, not of aliases
//	defaults   on a struct: other defaults for variables inside, "NAME=value;NAME=value"
//	aliases    on a struct: further aliases for variables inside, "NAME=ALIAS;NAME=ALIAS",
//	           tried before those of the field
//
// A time.Duration takes a number of seconds or a Go duration, a []string a JSON
// array, a bool also yes, no, on and off; every other type that caarlos0/env
// knows, or that is an encoding.TextUnmarshaler, is read as that library does.
//
// A variable that is set but empty is an empty text, not its default: that is
// how a check is switched off. For every other type it counts as not set.
package env
