package arch

// rule is a rule that is checked file by file.
type rule struct {
	name string
	// why is the reason, which is printed with every finding.
	why   string
	check func(source) []finding
}

// rules returns all rules for single files. packages.go contains the rules for packages.
func rules() []rule {
	return []rule{
		{"layers", "dependencies point inwards, so that an adapter can be replaced without other changes", layers},
		{"function length", "a function with more than 60 lines is hard to read; tables of data are not counted", functionLength},
		{"port size", "a port with more than five methods serves more than one purpose", portSize},
		{"comments", "the comment of a method of a port or of a setting states what the code does not show: units, errors, order, reasons", comments},
		{"file names", "a file name is the main type or function in it: lower case, words joined by underscores", fileNames},
		{"type names", "a type name states the role, the package name the technology", typeNames},
		{"no package state", "all tests and both services in one process share a package variable", noPackageState},
		{"environment", "only cmd reads settings, so that one page lists them and tests do not depend on the environment", environment},
		{"no sleeping", "a sleep is too long on a fast machine and too short on a slow one: wait for the event, use synctest, or say in a call of pause.For why neither is possible", noSleeping},
		{"bound calls", "a call without a context can continue after its request has ended", outsideTests(boundCalls)},
		{"handler values", "gin and net/http reuse a request's context and writer for the next request: code that runs after the handler would change another request", handlerValues},
		{"one error writer", "all error responses have one format, written by adapters/httpserver/error_writer.go", outsideTests(oneErrorWriter)},
		{"own types", "a library type in an adapter's API makes its callers depend on the library", ownTypes},
		{"nothing silenced", "a warning is fixed, not disabled", nothingSilenced},
	}
}
