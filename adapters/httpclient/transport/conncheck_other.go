//go:build !unix

package transport

// nothingToRead returns false, so that no connection is reused: this platform has no check
// without waiting. The services run on Unix; this file lets their tools build elsewhere.
func nothingToRead(uintptr) bool { return false }
