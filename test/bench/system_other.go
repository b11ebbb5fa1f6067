//go:build !unix

package main

import "errors"

var errSystem = errors.New("the benchmarks need Linux")

// setSocketOptions returns an error.
func setSocketOptions(uintptr, bool) error { return errSystem }

// openFiles returns an error.
func openFiles() (uint64, error) { return 0, errSystem }
