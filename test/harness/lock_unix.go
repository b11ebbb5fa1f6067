//go:build unix

package harness

import (
	"errors"
	"os"
	"syscall"
)

// lockDir waits for an exclusive lock of the directory among processes. The caller must call unlock.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}
