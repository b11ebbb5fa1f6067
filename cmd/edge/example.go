package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/huleedu/edge/cmd/edge/internal/console"
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
	Gateway       string            `json:"gateway"`
	Notifications string            `json:"notifications"`
	Teachers      []console.Teacher `json:"teachers"`
}

// servePages serves the example page and the console on the address. The caller must call stop,
// which waits for the end of the server.
func (t tool) servePages(address string, pages http.Handler) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, fmt.Errorf("--example: %w", err)
	}
	server := &http.Server{Handler: pages, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with the error of Close
	}()
	stop = func() {
		_ = server.Close()
		<-done
	}
	return "http://" + listener.Addr().String(), stop, nil
}

// exampleHandler serves the files of the page, its configuration and tokens of the sample teachers.
func (t tool) exampleHandler(gateway, notifications string) http.Handler {
	config := exampleConfig{Gateway: gateway, Notifications: notifications, Teachers: sampleTeachers()}
	mux := http.NewServeMux()
	mux.Handle("GET "+examplePath, http.FileServerFS(exampleFiles))
	mux.HandleFunc("GET "+examplePath+"config.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(config) // the page may have left
	})
	mux.HandleFunc("GET "+examplePath+"token", func(w http.ResponseWriter, r *http.Request) {
		i := slices.IndexFunc(config.Teachers, func(teacher console.Teacher) bool { return teacher.User == r.FormValue("user") })
		if i < 0 {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		token, err := t.generateToken(config.Teachers[i].User, config.Teachers[i].Org, time.Hour)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, token)
	})
	return loopbackHosts(mux)
}

// sampleTeachers returns the teachers who can sign in on the pages.
func sampleTeachers() []console.Teacher {
	var out []console.Teacher
	for _, teacher := range world.SampleTeachers() {
		entry := console.Teacher{User: string(teacher.User), Org: teacher.Org}
		for _, b := range teacher.Batches {
			entry.Batches = append(entry.Batches, string(b.ID))
		}
		out = append(out, entry)
	}
	return out
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
