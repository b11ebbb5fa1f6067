// Command coverage merges coverage profiles, of tests and of programs that ran
// in tests, and tells how much of each service they reached: of all packages of
// the project that its program links, main and the generated wiring included. It
// ends with 1 when a service stays below what is demanded.
//
//	go run ./test/coverage [-least 90] [-out merged.out] PROFILE...
package main
