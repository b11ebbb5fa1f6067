package console

import (
	"net/http"
	"slices"
)

// Demonstration describes the services and the simulated platform of "edge up".
type Demonstration struct {
	// Gateway and Notifications are the base URLs of both services. Balancer is a base URL that
	// leads to the second node of the notification service while that runs, else to the first.
	Gateway       string `json:"gateway"`
	Notifications string `json:"notifications"`
	Balancer      string `json:"balancer"`
	// Teachers can sign in.
	Teachers []Teacher `json:"teachers"`
	// Token returns a token for a teacher.
	Token func(Teacher) (string, error) `json:"-"`
	// Spans has the spans of the services.
	Spans *Recorder `json:"-"`
	// Faults breaks parts of the demonstration.
	Faults Faults `json:"-"`
}

// Teacher is a sample teacher of the simulated platform.
type Teacher struct {
	User    string   `json:"user"`
	Org     string   `json:"org"`
	Batches []string `json:"batches"`
}

// errNoTeacher is what the page says about an unknown teacher.
const errNoTeacher = "the demonstration has no such teacher"

// teacher returns a sample teacher by the user id.
func (d *Demonstration) teacher(user string) (Teacher, bool) {
	i := slices.IndexFunc(d.Teachers, func(t Teacher) bool { return t.User == user })
	if i < 0 {
		return Teacher{}, false
	}
	return d.Teachers[i], true
}

// addDemonstration adds the routes of the demonstration's views.
func (s console) addDemonstration(mux *http.ServeMux) {
	path := apiPath + "demonstration/"
	mux.HandleFunc("GET "+path+"token", s.demonstrationToken)
	mux.HandleFunc("GET "+path+"journey", s.journey)
	mux.HandleFunc("GET "+path+"faults", s.listFaults)
	mux.HandleFunc("POST "+path+"faults/{id}/{change}", s.setFault)
	mux.HandleFunc("POST "+path+"notify", s.notify)
}

// demonstrationToken responds with a token of a sample teacher, as an application's own server does.
func (s console) demonstrationToken(w http.ResponseWriter, r *http.Request) {
	teacher, ok := s.Demonstration.teacher(r.FormValue("user"))
	if !ok {
		refuse(w, http.StatusNotFound, errNoTeacher)
		return
	}
	token, err := s.Demonstration.Token(teacher)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "no token could be generated")
		return
	}
	respond(w, map[string]string{"token": token})
}

// journey responds with the spans of one correlation id.
func (s console) journey(w http.ResponseWriter, r *http.Request) {
	respond(w, s.Demonstration.Spans.journey(r.FormValue("correlation_id")))
}
