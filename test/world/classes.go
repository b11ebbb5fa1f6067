package world

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// classDocument is a class in the format of class management.
type classDocument struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	CourseCode string `json:"course_code"`
	Students   int    `json:"student_count"`
	CreatedAt  string `json:"created_at"`
}

// classStore stores the classes of all teachers.
type classStore struct {
	mu      sync.Mutex
	classes map[domain.UserID][]classDocument
	serial  int
}

// AddClass adds a class to a teacher.
func (p *Platform) AddClass(user domain.UserID, c Class) { p.classStore.add(user, c) }

func (s *classStore) add(user domain.UserID, c Class) classDocument {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	if c.ID == "" {
		c.ID = fmt.Sprintf("class-created-%d", s.serial)
	}
	d := classDocument{c.ID, c.Name, c.CourseCode, c.Students, formatTime(time.Now())}
	s.classes[user] = append(s.classes[user], d)
	return d
}

// list returns a copy of a teacher's classes, oldest first.
func (s *classStore) list(user domain.UserID) []classDocument {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]classDocument{}, s.classes[user]...)
}

// remove deletes a class. It returns false if the teacher has no such class.
func (s *classStore) remove(user domain.UserID, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.classes[user])
	s.classes[user] = slices.DeleteFunc(s.classes[user], func(d classDocument) bool { return d.ID == id })
	return len(s.classes[user]) < before
}

// withUser passes the user id of the request to next. It responds with 401 when
// the id is missing.
func withUser(next func(http.ResponseWriter, *http.Request, domain.UserID)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if user, ok := requireUser(w, r); ok {
			next(w, r, domain.UserID(user))
		}
	}
}

// classRoutes returns the routes of class management.
func (p *Platform) classRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("GET /v1/classes/{$}", withUser(p.listClasses))
	mux.HandleFunc("GET /v1/classes", withUser(p.listClasses))
	mux.HandleFunc("POST /v1/classes/{$}", withUser(p.createClass))
	mux.HandleFunc("POST /v1/classes", withUser(p.createClass))
	mux.HandleFunc("GET /v1/classes/{id}", withUser(p.showClass))
	mux.HandleFunc("DELETE /v1/classes/{id}", withUser(p.deleteClass))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { respondError(w, http.StatusNotFound, "Not found") })
	return mux
}

func (p *Platform) listClasses(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	all, query := p.classStore.list(user), r.URL.Query()
	limit, offset := parseNumber(query.Get("limit"), 50), parseNumber(query.Get("offset"), 0)
	page := all[min(offset, len(all)):min(offset+limit, len(all))]
	respond(w, http.StatusOK, map[string]any{
		"classes":    page,
		"pagination": map[string]int{"limit": limit, "offset": offset, "total": len(all)},
	})
}

// parseNumber parses an integer from 0 to 1,000,000. It returns the default otherwise.
func parseNumber(text string, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1e6 {
		return otherwise
	}
	return n
}

func (p *Platform) createClass(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	var in struct {
		Name       string `json:"name"`
		CourseCode string `json:"course_code"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in) != nil || in.Name == "" {
		respondError(w, http.StatusBadRequest, "name is required")
		return
	}
	d := p.classStore.add(user, Class{Name: in.Name, CourseCode: in.CourseCode})
	w.Header().Set("Location", "/v1/classes/"+d.ID)
	respond(w, http.StatusCreated, d)
}

func (p *Platform) showClass(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	all := p.classStore.list(user)
	at := slices.IndexFunc(all, func(d classDocument) bool { return d.ID == r.PathValue("id") })
	if at < 0 {
		respondError(w, http.StatusNotFound, "Class not found")
		return
	}
	respond(w, http.StatusOK, all[at])
}

func (p *Platform) deleteClass(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	if !p.classStore.remove(user, r.PathValue("id")) {
		respondError(w, http.StatusNotFound, "Class not found")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// teacherRoutes returns the routes of the teacher backend (BFF).
func (p *Platform) teacherRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("GET /bff/v1/teacher/dashboard", withUser(p.dashboard))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { respondError(w, http.StatusNotFound, "Not found") })
	return mux
}

// dashboard responds with the teacher's classes and batches.
func (p *Platform) dashboard(w http.ResponseWriter, _ *http.Request, user domain.UserID) {
	const shown = 20
	batches, total := p.registry.list(user, "", shown, 0)
	respond(w, http.StatusOK, map[string]any{
		"teacher_id": user, "classes": p.classStore.list(user), "batches": batches, "total_batches": total,
	})
}
