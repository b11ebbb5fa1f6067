//go:build !unix

package suspend

import (
	"errors"
	"os"
)

var errUnsupported = errors.New("this system cannot stop and continue a process")

// Stop returns an error.
func Stop(*os.Process) error { return errUnsupported }

// Continue returns an error.
func Continue(*os.Process) error { return errUnsupported }
