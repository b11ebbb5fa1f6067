package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/huleedu/edge/test/world"
)

// exampleFiles is the example page with the built JavaScript client, which build.sh in
// clients/js copies here.
//
//go:embed example
var exampleFiles embed.FS

// examplePath is the path of the example page.
const examplePath = "/example/"

// exampleConfig tells the example page where the services are and who can sign in.
type exampleConfig struct {
	Gateway       string           `json:"gateway"`
	Notifications string           `json:"notifications"`
	Teachers      []exampleTeacher `json:"teachers"`
}

// exampleTeacher is a sample teacher.
type exampleTeacher struct {
	User    string   `json:"user"`
	Batches []string `json:"batches"`
}

// serveExample serves the example page on the address. The caller must call stop, which waits
// for the end of the server.
func (t tool) serveExample(address, gateway, notifications string) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, fmt.Errorf("--example: %w", err)
	}
	server := &http.Server{Handler: t.exampleHandler("http://"+gateway, "http://"+notifications), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with the error of Close
	}()
	stop = func() {
		_ = server.Close()
		<-done
	}
	return "http://" + listener.Addr().String() + examplePath, stop, nil
}

// exampleHandler serves the files of the page, its configuration and tokens of the sample teachers.
func (t tool) exampleHandler(gateway, notifications string) http.Handler {
	config := exampleConfig{Gateway: gateway, Notifications: notifications}
	organisations := map[string]string{}
	for _, teacher := range world.SampleTeachers() {
		entry := exampleTeacher{User: string(teacher.User)}
		for _, b := range teacher.Batches {
			entry.Batches = append(entry.Batches, string(b.ID))
		}
		config.Teachers = append(config.Teachers, entry)
		organisations[entry.User] = teacher.Org
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+examplePath, http.FileServerFS(exampleFiles))
	mux.HandleFunc("GET "+examplePath+"config.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(config) // the page may have left
	})
	mux.HandleFunc("GET "+examplePath+"token", func(w http.ResponseWriter, r *http.Request) {
		user := r.FormValue("user")
		organisation, known := organisations[user]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		token, err := t.generateToken(user, organisation, time.Hour)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, token)
	})
	return loopbackHosts(mux)
}

// loopbackHosts refuses requests whose Host is a name other than localhost: a foreign page whose
// name points to this machine could read the tokens otherwise.
func loopbackHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if host != "localhost" && net.ParseIP(host) == nil {
			w.WriteHeader(http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// startExample serves the example page unless the address is empty, and prints its URL.
func (t tool) startExample(address, gateway, notifications string) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	url, stop, err := t.serveExample(address, gateway, notifications)
	if err != nil {
		return nil, err
	}
	t.printf("example        %s\n", url)
	return stop, nil
}
