//go:build !unix

package httpclient

// nothingWaits cannot be told here without waiting, so that no line is used
// twice. The services run on Unix; this is for building their tools elsewhere.
func nothingWaits(uintptr) bool { return false }
