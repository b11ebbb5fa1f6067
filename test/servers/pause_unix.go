//go:build unix

package servers

import (
	"os"
	"syscall"
)

// pauseProcess stops a process until resumeProcess.
func pauseProcess(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

// resumeProcess continues a paused process.
func resumeProcess(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
