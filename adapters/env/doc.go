// Package env fills the configuration structs of the adapters from environment
// variables. Struct tags define the variables of each field:
//
//	env        the variable, without the prefixes of the enclosing structs
//	alias      further variables, without prefix, used in order after the main one
//	envDefault the value if no variable is set
//	form       "URL" on a secret whose address may be shown without credentials
//	envPrefix  on a struct: the prefix of every "env" inside, not of aliases
//
// The tag of a struct may also contain envDefault.NAME, which replaces the default of
// the setting NAME inside, and alias.NAME, whose aliases are used before its own.
//
// A time.Duration is a number of seconds or a Go duration, a []string is a JSON array,
// a bool may also be yes, no, on or off. Every other type is parsed by caarlos0/env,
// which supports encoding.TextUnmarshaler.
//
// A text variable that is set but empty has the empty value, not its default: this
// switches a check off. For every other type an empty variable counts as not set, and
// the next alias is used.
package env
