package main

import (
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/huleedu/edge/cmd/edge/internal/console"
)

// startPages serves the console and the example page unless the address is empty, and prints
// their URLs. gateway and notifications are the base URLs of the services.
func (t tool) startPages(address, gateway, notifications string) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	demonstration, err := t.demonstration(gateway, notifications)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(examplePath, t.exampleHandler(gateway, notifications))
	mux.Handle(console.Path, demonstration)
	url, stop, err := t.servePages(address, mux)
	if err != nil {
		return nil, err
	}
	t.printf("console        %s%s\n", url, console.Path)
	t.printf("example        %s%s\n", url, examplePath)
	return stop, nil
}

// demonstration returns the console of "edge up".
func (t tool) demonstration(gateway, notifications string) (http.Handler, error) {
	client, err := fs.Sub(exampleFiles, "example/client")
	if err != nil {
		return nil, err
	}
	d := &console.Demonstration{
		Gateway: gateway, Notifications: notifications, Teachers: sampleTeachers(),
		Token: func(teacher console.Teacher) (string, error) {
			return t.generateToken(teacher.User, teacher.Org, time.Hour)
		},
	}
	return console.NewHandler(console.Config{
		Client: client, Demonstration: d, AllowActions: true, Log: slog.New(slog.NewTextHandler(t.errs, nil)),
	}), nil
}
