package env

// Setting describes one variable, for documentation and for `edge config`.
type Setting struct {
	// Name is the variable, with its prefix.
	Name string
	// Aliases are the other variables, in order of precedence.
	Aliases []string
	// Default is the value of an unset variable; empty if there is none.
	Default string
	// Kind is the form of the value: text, secret, URL (with a secret inside),
	// number, boolean, seconds, JSON array.
	Kind string
	// Package is the import path of the struct that declares the field, Struct
	// its name and Field the name of the field, whose comment documents the setting.
	Package, Struct, Field string
}

// Settings lists every variable that Read reads, in the order of the struct, without
// duplicates. dst may point to an empty struct.
func Settings(dst any) []Setting {
	var all []Setting
	for _, f := range distinctFields(dst) {
		kind, _ := formOf(f.spec.Type)
		if form := f.spec.Tag.Get("form"); form != "" {
			kind = form
		}
		all = append(all, Setting{
			Name: f.names[0], Aliases: f.names[1:], Default: f.defaultText, Kind: kind,
			Package: f.declaredIn.PkgPath(), Struct: f.declaredIn.Name(), Field: f.spec.Name,
		})
	}
	return all
}
