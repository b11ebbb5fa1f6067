//go:build unix

package suspend

import (
	"os"
	"syscall"
)

// Stop stops a process until Continue.
func Stop(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

// Continue continues a stopped process.
func Continue(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
