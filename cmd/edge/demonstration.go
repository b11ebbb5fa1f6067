package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/cmd/edge/internal/console"
	"github.com/huleedu/edge/cmd/edge/internal/demonstration"
	"github.com/huleedu/edge/wire"
)

// startPages serves the console and the example page unless the address is empty, and prints
// their URLs. vars are the variables of the services.
func (t tool) startPages(address string, vars map[string]string, d *demonstration.Setup) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	if err := d.Balance(); err != nil {
		return nil, err
	}
	c := console.Config{AllowActions: true, Log: slog.New(slog.NewTextHandler(t.errs, nil))}
	c.Demonstration = d.Describe(sampleTeachers(), func(teacher console.Teacher) (string, error) {
		return t.generateToken(teacher.User, teacher.Org, time.Hour)
	})
	release, err := t.addOperatorSources(&c, vars, d.AdminAddresses)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(examplePath, t.exampleHandler(c.Demonstration.Gateway, c.Demonstration.Notifications))
	mux.Handle(console.Path, console.NewHandler(c))
	url, stopServer, err := t.servePages(address, mux)
	if err != nil {
		release()
		return nil, err
	}
	t.printf("console        %s%s\n", url, console.Path)
	t.printf("example        %s%s\n", url, examplePath)
	return func() {
		stopServer()
		release()
	}, nil
}

// nodeCommand runs one node of the notification service. The console starts it as a process of its
// own, so that it can be killed.
func (t tool) nodeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    demonstration.NodeCommand,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if code := wire.WebSocketCommand().Run(c.Context(), nil, t.vars, t.out, t.errs); code != 0 {
				return fmt.Errorf("the node ended with exit code %d", code)
			}
			return nil
		},
	}
}
