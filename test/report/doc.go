// Command report reads the output of "go test -json" and prints a summary: the
// result line of each package, the output of failed tests, the skipped tests with
// their reasons, the number of tests on real servers, and one line of counts. The
// exit code is 1 if a test failed.
//
//	go test -json ./... | go run ./test/report
package main
