package arch

// rule is one rule that can be judged file by file.
type rule struct {
	name string
	// why is printed with every finding.
	why   string
	check func(source) []finding
}

// rules are all of them. Those that need more than one file stand in
// packages.go.
func rules() []rule {
	return []rule{
		{"layers", "dependencies point inwards, so that a technology can be replaced without touching the rest", layers},
		{"file length", "a file longer than 400 lines is two rooms in one", fileLength},
		{"function length", "a function longer than 60 lines cannot be read at once; tables of data are not counted", functionLength},
		{"parameters", "beyond five parameters the callers mix them up: make it a struct", parameters},
		{"port size", "a port with more than five methods is more than one need", portSize},
		{"comments", "every exported name says what a reader cannot see: units, errors, order, why", comments},
		{"package names", "a package is named after what it is for; such a name attracts everything", packageNames},
		{"file names", "a file is called after the main type or verb inside: lower case, an underscore only before test", fileNames},
		{"type names", "types say the role, the package says the technology", typeNames},
		{"no init", "what runs at import time cannot be ordered, tested or left out", noInit},
		{"no package state", "a mutable package variable is shared by every test and both services in one process", noPackageState},
		{"environment", "settings enter once, in cmd, so that one page lists them and tests need no process environment", environment},
		{"no sleeping", "a sleep is too long on a fast machine and too short on a slow one: await the event, or use synctest", noSleeping},
		{"bound calls", "a call without a context outlives the request that it was made for", boundCalls},
		{"handler values", "gin and net/http use a request's context and writer for the next request: what outlives the handler changes the connection of another request", handlerValues},
		{"one error writer", "every error answer has one shape, written by adapters/httpserver/answer.go", oneErrorWriter},
		{"own types", "a library's type in an adapter's API spreads the library to the adapter's callers", ownTypes},
		{"nothing silenced", "a warning is mended, not silenced", nothingSilenced},
	}
}
