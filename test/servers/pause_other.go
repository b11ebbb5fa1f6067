//go:build !unix

package servers

import (
	"errors"
	"os"
)

var errPause = errors.New("this system cannot pause processes")

// pauseProcess returns an error.
func pauseProcess(*os.Process) error { return errPause }

// resumeProcess returns an error.
func resumeProcess(*os.Process) error { return errPause }
