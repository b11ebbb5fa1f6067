package deploy_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == childArgument {
		os.Exit(runChild(os.Args[2], os.Args[3:]))
	}
	if len(os.Args) > 3 && os.Args[1] == toolArgument {
		os.Exit(runTool(os.Args[2], os.Args[3], os.Args[4:]))
	}
	goleak.VerifyTestMain(m)
}
