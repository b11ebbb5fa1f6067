package console

import (
	"context"
	"net/http"
	"time"
)

// notifyLimit limits the time in which a notification is sent.
const notifyLimit = 5 * time.Second

// Fault is something that the demonstration can break, and repair.
type Fault struct {
	ID string `json:"id"`
	// Title names the fault, Effect what a client sees.
	Title  string `json:"title"`
	Effect string `json:"effect"`
	// Break and Repair are the words of the button; an empty Repair is a fault that needs no repair.
	Break  string `json:"break"`
	Repair string `json:"repair"`
	// On is set while the fault lasts.
	On bool `json:"on"`
	// Unavailable says why the fault cannot be used; empty if it can.
	Unavailable string `json:"unavailable,omitempty"`
}

// Faults breaks and repairs parts of the demonstration. It is safe for concurrent use.
type Faults interface {
	// List returns all faults in the order in which the page shows them.
	List() []Fault
	// Set breaks or repairs. It returns an error for an unknown or unavailable fault, and when
	// the change fails; the page shows its text.
	Set(ctx context.Context, id string, on bool) error
	// Notify sends a notification to a teacher: through Kafka if it shall be stored, else
	// directly on Redis.
	Notify(ctx context.Context, teacher string, stored bool) error
}

func (s console) listFaults(w http.ResponseWriter, _ *http.Request) {
	respond(w, s.Demonstration.Faults.List())
}

// setFault breaks or repairs, as the path says, and responds with all faults.
func (s console) setFault(w http.ResponseWriter, r *http.Request) {
	if err := s.Demonstration.Faults.Set(r.Context(), r.PathValue("id"), r.PathValue("change") == "break"); err != nil {
		refuse(w, http.StatusConflict, err.Error())
		return
	}
	s.listFaults(w, r)
}

// notify sends a notification to a teacher of the demonstration.
func (s console) notify(w http.ResponseWriter, r *http.Request) {
	var body struct {
		User   string `json:"user"`
		Stored bool   `json:"stored"`
	}
	if !readBody(w, r, &body) {
		return
	}
	if _, ok := s.Demonstration.teacher(body.User); !ok {
		refuse(w, http.StatusNotFound, errNoTeacher)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), notifyLimit)
	defer cancel()
	if err := s.Demonstration.Faults.Notify(ctx, body.User, body.Stored); err != nil {
		refuse(w, http.StatusBadGateway, err.Error())
		return
	}
	respond(w, map[string]bool{"sent": true})
}
