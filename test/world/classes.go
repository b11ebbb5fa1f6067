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

// classDocument is a class as class management writes it.
type classDocument struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	CourseCode string `json:"course_code"`
	Students   int    `json:"student_count"`
	CreatedAt  string `json:"created_at"`
}

// school is what class management remembers.
type school struct {
	mu      sync.Mutex
	classes map[domain.UserID][]classDocument
	serial  int
}

// Teach gives a teacher a class.
func (p *Platform) Teach(user domain.UserID, c Class) { p.school.add(user, c) }

func (s *school) add(user domain.UserID, c Class) classDocument {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	if c.ID == "" {
		c.ID = fmt.Sprintf("class-created-%d", s.serial)
	}
	d := classDocument{c.ID, c.Name, c.CourseCode, c.Students, stamp(time.Now())}
	s.classes[user] = append(s.classes[user], d)
	return d
}

// of returns a teacher's classes, the oldest first.
func (s *school) of(user domain.UserID) []classDocument {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]classDocument{}, s.classes[user]...)
}

// remove takes a class from its teacher; false: it was not the teacher's.
func (s *school) remove(user domain.UserID, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.classes[user])
	s.classes[user] = slices.DeleteFunc(s.classes[user], func(d classDocument) bool { return d.ID == id })
	return len(s.classes[user]) < before
}

// asTeacher serves only those who say on whose behalf they ask.
func asTeacher(next func(http.ResponseWriter, *http.Request, domain.UserID)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if user, ok := asUser(w, r); ok {
			next(w, r, domain.UserID(user))
		}
	}
}

// classRoutes is the class management service.
func (p *Platform) classRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /v1/classes/{$}", asTeacher(p.listClasses))
	mux.HandleFunc("GET /v1/classes", asTeacher(p.listClasses))
	mux.HandleFunc("POST /v1/classes/{$}", asTeacher(p.createClass))
	mux.HandleFunc("POST /v1/classes", asTeacher(p.createClass))
	mux.HandleFunc("GET /v1/classes/{id}", asTeacher(p.showClass))
	mux.HandleFunc("DELETE /v1/classes/{id}", asTeacher(p.deleteClass))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound, "Not found") })
	return mux
}

func (p *Platform) listClasses(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	all, query := p.school.of(user), r.URL.Query()
	limit, offset := number(query.Get("limit"), 50), number(query.Get("offset"), 0)
	page := all[min(offset, len(all)):min(offset+limit, len(all))]
	answer(w, http.StatusOK, map[string]any{
		"classes":    page,
		"pagination": map[string]int{"limit": limit, "offset": offset, "total": len(all)},
	})
}

// number reads a whole number that is not negative and not huge.
func number(text string, otherwise int) int {
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
		fail(w, http.StatusBadRequest, "name is required")
		return
	}
	d := p.school.add(user, Class{Name: in.Name, CourseCode: in.CourseCode})
	w.Header().Set("Location", "/v1/classes/"+d.ID)
	answer(w, http.StatusCreated, d)
}

func (p *Platform) showClass(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	all := p.school.of(user)
	at := slices.IndexFunc(all, func(d classDocument) bool { return d.ID == r.PathValue("id") })
	if at < 0 {
		fail(w, http.StatusNotFound, "Class not found")
		return
	}
	answer(w, http.StatusOK, all[at])
}

func (p *Platform) deleteClass(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	if !p.school.remove(user, r.PathValue("id")) {
		fail(w, http.StatusNotFound, "Class not found")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// teacherRoutes is the teachers' own backend.
func (p *Platform) teacherRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /bff/v1/teacher/dashboard", asTeacher(p.dashboard))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound, "Not found") })
	return mux
}

// dashboard is what a teacher sees first: classes and the newest batches.
func (p *Platform) dashboard(w http.ResponseWriter, _ *http.Request, user domain.UserID) {
	const shown = 20
	batches, total := p.registry.list(user, "", shown, 0)
	answer(w, http.StatusOK, map[string]any{
		"teacher_id": user, "classes": p.school.of(user), "batches": batches, "total_batches": total,
	})
}
