package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"sync"

	"github.com/huleedu/edge/domain"
)

// Upload is a form that the file service has taken: whole, or not at all.
type Upload struct {
	User       domain.UserID
	Batch      domain.BatchID
	Assignment string
	Files      []File
}

// File is one file of an upload.
type File struct {
	Name  string
	Bytes int64
}

// shelf is what the file service remembers.
type shelf struct {
	mu      sync.Mutex
	uploads []Upload
	fixed   *PreflightAnswer
}

// Uploads lists the forms that were taken, the oldest first. The slice is the
// caller's own.
func (p *Platform) Uploads() []Upload {
	p.shelf.mu.Lock()
	defer p.shelf.mu.Unlock()
	return append([]Upload(nil), p.shelf.uploads...)
}

// AnswerFiles fixes the answer to all forms that are whole; nothing is taken.
func (p *Platform) AnswerFiles(a PreflightAnswer) {
	p.shelf.mu.Lock()
	defer p.shelf.mu.Unlock()
	p.shelf.fixed = &a
}

// fileRoutes is the file service.
func (p *Platform) fileRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("POST /v1/files/batch", asTeacher(p.takeFiles))
	return mux
}

// takeFiles reads a form to its end before it does anything.
func (p *Platform) takeFiles(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	in, problem := readUpload(r)
	p.shelf.mu.Lock()
	fixed := p.shelf.fixed
	p.shelf.mu.Unlock()
	switch {
	case problem != nil:
		fail(w, http.StatusBadRequest, "Invalid form data")
		return
	case fixed != nil:
		fixed.write(w)
		return
	case in.Batch == "":
		fail(w, http.StatusBadRequest, "batch_id is required in form data")
		return
	case len(in.Files) == 0:
		fail(w, http.StatusBadRequest, "No files provided")
		return
	}
	in.User = user
	p.shelve(w, r, in)
}

// shelve keeps a form whose batch is its sender's; a batch that waits for its
// essays is ready then.
func (p *Platform) shelve(w http.ResponseWriter, r *http.Request, in Upload) {
	switch p.Owner(in.Batch) {
	case "":
		refuse(w, domain.ResourceNotFound, "Batch not found")
		return
	case in.User:
	default:
		refuse(w, domain.AuthorizationError, "Batch belongs to another user")
		return
	}
	p.registry.change(in.Batch, func(d *batchDocument) { d.fill(in.Files) })
	p.shelf.mu.Lock()
	p.shelf.uploads = append(p.shelf.uploads, in)
	p.shelf.mu.Unlock()
	trail := domain.Trail{Correlation: r.Header.Get("X-Correlation-ID")}
	p.tellOfFiles(domain.WithTrail(r.Context(), trail), in)
	answer(w, http.StatusAccepted, map[string]any{
		"message":  fmt.Sprintf("Received %d files for processing", len(in.Files)),
		"batch_id": in.Batch, "correlation_id": trail.Correlation,
	})
}

// tellOfFiles notifies the teacher.
func (p *Platform) tellOfFiles(ctx context.Context, in Upload) {
	n := NoticeOf("batch_files_uploaded")
	n.Batch, n.Payload = in.Batch, map[string]any{"file_count": len(in.Files)}
	if err := p.courier.ask(ctx, in.User, n); err != nil {
		p.config.Log.WarnContext(ctx, "notification not written", "type", n.Type, "error", err)
	}
}

// refuse answers a conflict in the way of the platform's newer services.
func refuse(w http.ResponseWriter, code domain.Code, message string) {
	answer(w, http.StatusConflict, map[string]any{"error": map[string]any{
		"error_code": code, "message": message, "service": "file_service",
	}})
}

// readUpload reads a form without keeping its files.
func readUpload(r *http.Request) (in Upload, err error) {
	form, err := r.MultipartReader()
	if err != nil {
		return Upload{}, err
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return in, drained(r.Body)
		}
		if err != nil {
			return Upload{}, err
		}
		if err := in.read(part); err != nil {
			return Upload{}, err
		}
	}
}

// drained reads on to the body's end: what follows a form may be missing too.
func drained(body io.Reader) error {
	_, err := io.Copy(io.Discard, body)
	return err
}

func (u *Upload) read(part *multipart.Part) error {
	if part.FormName() == "files" && part.FileName() != "" {
		n, err := io.Copy(io.Discard, part)
		u.Files = append(u.Files, File{part.FileName(), n})
		return err
	}
	text, err := io.ReadAll(io.LimitReader(part, maxBody))
	switch part.FormName() {
	case "batch_id":
		u.Batch = domain.BatchID(text)
	case "assignment_id":
		u.Assignment = string(text)
	}
	return err
}

// fill gives a batch that waits for its essays the files that came.
func (d *batchDocument) fill(files []File) {
	if d.Overall != awaitingContent {
		return
	}
	for i := range d.Essays {
		if i < len(files) {
			d.Essays[i].Filename = files[i].Name
		}
	}
	d.Overall = readyToRun
}
