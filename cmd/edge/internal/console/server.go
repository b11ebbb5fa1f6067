package console

import (
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
)

// Path is the path of the page; everything that the console serves is below it.
const Path = "/console/"

// apiPath precedes the paths of the data that the page reads.
const apiPath = Path + "api/"

//go:embed page
var pageFiles embed.FS

// Config configures a console.
type Config struct {
	// Client contains the built JavaScript client: index.js, sse.js and gateway.js.
	Client fs.FS
	// Demonstration adds the views that need the simulated platform; nil leaves them out.
	Demonstration *Demonstration
	// Nodes, Users, Tokens and DeadLetters answer the questions of operators.
	Nodes       *Nodes
	Users       Users
	Tokens      Tokens
	DeadLetters DeadLetters
	// AllowActions permits requests that change something. Without it they get 403.
	AllowActions bool
	// Session admits a browser by a one-time token; nil admits every browser on this machine.
	Session *Session
	// Log receives one line for each action.
	Log *slog.Logger
}

// console serves the requests of the page.
type console struct {
	Config

	// tails has a place for each live tail.
	tails chan struct{}
}

// NewHandler returns the handler of everything below Path. It refuses requests that another page
// or another host name sends.
func NewHandler(c Config) http.Handler {
	s := console{Config: c, tails: make(chan struct{}, maxTails)}
	mux := http.NewServeMux()
	page, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // the directory is embedded
	}
	mux.Handle("GET "+Path, http.StripPrefix(Path, http.FileServerFS(page)))
	mux.Handle("GET "+Path+"client/", http.StripPrefix(Path+"client/", http.FileServerFS(c.Client)))
	mux.HandleFunc("GET "+apiPath+"info", s.info)
	mux.HandleFunc("GET "+apiPath+"nodes", s.listNodes)
	mux.HandleFunc("GET "+apiPath+"config", s.listConfig)
	mux.HandleFunc("GET "+apiPath+"metrics", s.listMetrics)
	mux.HandleFunc("POST "+apiPath+"token/check", s.checkToken)
	s.addUsers(mux)
	s.addDeadLetters(mux)
	if c.Demonstration != nil {
		s.addDemonstration(mux)
	}
	return s.guard(mux)
}

// info tells the page which views it has.
func (s console) info(w http.ResponseWriter, _ *http.Request) {
	respond(w, map[string]any{"actions": s.AllowActions, "demonstration": s.Demonstration})
}
