package env

// Setting describes one variable, for documentation and for `edge config`.
type Setting struct {
	// Name is the variable, with its prefix.
	Name string
	// Aliases are the other variables, in the order they are tried.
	Aliases []string
	// Default is the text that stands for an unset variable; it is empty when
	// the field starts out empty.
	Default string
	// Kind is the form of the value: text, secret, URL (with a secret inside),
	// number, boolean, seconds, JSON array.
	Kind string
	// Package is the import path of the struct that declares the field, Struct
	// its name and Field the field's: where the comment stands.
	Package, Struct, Field string
}

// Settings lists every variable that Read would look for, in the order of the
// struct, each once. dst may be the pointer to an empty struct.
func Settings(dst any) []Setting {
	var all []Setting
	known := map[string]struct{}{}
	for _, s := range sectionsOf(dst) {
		for _, f := range s.fields {
			if _, twice := known[f.names[0]]; twice {
				continue
			}
			known[f.names[0]] = struct{}{}
			all = append(all, Setting{
				Name: f.names[0], Aliases: f.names[1:], Default: f.defaultText, Kind: kindOf(f.spec),
				Package: f.declaredIn.PkgPath(), Struct: f.declaredIn.Name(), Field: f.spec.Name,
			})
		}
	}
	return all
}
