// Command coverage merges coverage profiles of tests and of programs, and prints the
// coverage of each service: of all packages of the module that its program links,
// including main and the generated wiring. The exit code is 1 if the coverage of a
// service is below -least.
//
//	go run ./test/coverage [-least 90] [-out merged.out] PROFILE...
package main
