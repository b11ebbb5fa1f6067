package deploy_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == childArgument {
		os.Exit(runChild(os.Args[2], os.Args[3:]))
	}
	if name := filepath.Base(os.Args[0]); slices.Contains(standIns(), name) {
		os.Exit(runTool(name, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}
