package websocket_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain also is the far end of the measurements: run with "clients" as its
// first argument, the test binary opens connections and holds them, so that
// their memory and CPU are not counted as the server's. Run with "echo" it is
// the server of a conformance suite.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 4 && os.Args[1] == "clients":
		holdClients(os.Args[2], os.Args[3])
		return
	case len(os.Args) == 3 && os.Args[1] == "echo":
		serveEcho(os.Args[2])
		return
	}
	goleak.VerifyTestMain(m)
}
