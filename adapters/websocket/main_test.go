package websocket_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain also is the far end of the measurements: run with "clients" as its
// first argument, the test binary opens connections and holds them, so that
// their memory and CPU are not counted as the server's.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "clients" {
		holdClients(os.Args[2], os.Args[3])
		return
	}
	goleak.VerifyTestMain(m)
}
