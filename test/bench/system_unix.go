//go:build unix

package main

import "syscall"

// setSocketOptions lets the kernel select the port at connect, when it knows the destination, and
// makes the receive buffer small if asked.
func setSocketOptions(fd uintptr, small bool) error {
	const bindAddressNoPort = 24 // of Linux
	err := syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1)
	if err == nil && small {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
	}
	return err
}

// openFiles returns how many files a process may have open.
func openFiles() (uint64, error) {
	var files syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
	return files.Cur, err
}
