// Command report reads the output of "go test -json" and prints what a person
// wants of it: go test's own line for each package, everything that a failed
// test said, what was skipped and why, how many tests ran on real servers, and
// at the very end one line of counts. It ends with 1 if anything failed.
//
//	go test -json ./... | go run ./test/report
package main
