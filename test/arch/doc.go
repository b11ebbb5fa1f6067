// Package arch holds the code to the rules of the house: who may import whom,
// how long things may be, what needs a comment, what is written nowhere. Each
// rule is an ordinary test, says why it is there when it fails, and is itself
// fed a bad source that it must find.
//
// The rules read source text with go/parser. So they see every file whatever
// its build tags, the injectors of Wire included.
package arch
