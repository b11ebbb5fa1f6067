package console

import (
	"net/http"
	"slices"
)

// Demonstration describes the services and the simulated platform of "edge up".
type Demonstration struct {
	// Gateway and Notifications are the base URLs of both services. Balancer is a base URL that
	// leads to a second node of the notification service while that runs; empty if there is none.
	Gateway       string `json:"gateway"`
	Notifications string `json:"notifications"`
	Balancer      string `json:"balancer,omitempty"`
	// Teachers can sign in.
	Teachers []Teacher `json:"teachers"`
	// Token returns a token for a teacher.
	Token func(Teacher) (string, error) `json:"-"`
}

// Teacher is a sample teacher of the simulated platform.
type Teacher struct {
	User    string   `json:"user"`
	Org     string   `json:"org"`
	Batches []string `json:"batches"`
}

// addDemonstration adds the routes of the demonstration's views.
func (s console) addDemonstration(mux *http.ServeMux) {
	mux.HandleFunc("GET "+apiPath+"demonstration/token", s.demonstrationToken)
}

// demonstrationToken responds with a token of a sample teacher, as an application's own server does.
func (s console) demonstrationToken(w http.ResponseWriter, r *http.Request) {
	d := s.Demonstration
	i := slices.IndexFunc(d.Teachers, func(t Teacher) bool { return t.User == r.FormValue("user") })
	if i < 0 {
		refuse(w, http.StatusNotFound, "the demonstration has no such teacher")
		return
	}
	token, err := d.Token(d.Teachers[i])
	if err != nil {
		refuse(w, http.StatusInternalServerError, "no token could be generated")
		return
	}
	respond(w, map[string]string{"token": token})
}
