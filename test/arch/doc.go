// Package arch tests the source code against the rules of the project: import
// directions, sizes, comments, names, and forbidden constructs. Each rule is a test that
// prints its reason when it fails, and each rule is tested with code that violates it.
//
// The rules parse source files with go/parser. Therefore they see all files regardless
// of build tags, including the injectors of Wire.
package arch
