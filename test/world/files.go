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

// Upload is a complete form that the file service has accepted.
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

// uploadStore stores the accepted uploads.
type uploadStore struct {
	mu      sync.Mutex
	uploads []Upload
	fixed   *FixedResponse
}

// Uploads returns a copy of the accepted uploads, oldest first.
func (p *Platform) Uploads() []Upload {
	p.uploadStore.mu.Lock()
	defer p.uploadStore.mu.Unlock()
	return append([]Upload(nil), p.uploadStore.uploads...)
}

// SetUploadResponse sets a fixed response to every complete form. No form is accepted.
func (p *Platform) SetUploadResponse(a FixedResponse) {
	p.uploadStore.mu.Lock()
	defer p.uploadStore.mu.Unlock()
	p.uploadStore.fixed = &a
}

// fileRoutes returns the routes of the file service.
func (p *Platform) fileRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("POST /v1/files/batch", withUser(p.receiveFiles))
	return mux
}

// receiveFiles reads the whole form before it responds.
func (p *Platform) receiveFiles(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	in, problem := readUpload(r)
	p.uploadStore.mu.Lock()
	fixed := p.uploadStore.fixed
	p.uploadStore.mu.Unlock()
	switch {
	case problem != nil:
		respondError(w, http.StatusBadRequest, "Invalid form data")
		return
	case fixed != nil:
		fixed.write(w)
		return
	case in.Batch == "":
		respondError(w, http.StatusBadRequest, "batch_id is required in form data")
		return
	case len(in.Files) == 0:
		respondError(w, http.StatusBadRequest, "No files provided")
		return
	}
	in.User = user
	p.storeUpload(w, r, in)
}

// storeUpload stores an upload if its user owns the batch. A batch that waits for
// content becomes ready.
func (p *Platform) storeUpload(w http.ResponseWriter, r *http.Request, in Upload) {
	switch p.Owner(in.Batch) {
	case "":
		respondConflict(w, domain.ResourceNotFound, "Batch not found")
		return
	case in.User:
	default:
		respondConflict(w, domain.AuthorizationError, "Batch belongs to another user")
		return
	}
	p.registry.update(in.Batch, func(d *batchDocument) { d.setFiles(in.Files) })
	p.uploadStore.mu.Lock()
	p.uploadStore.uploads = append(p.uploadStore.uploads, in)
	p.uploadStore.mu.Unlock()
	request := domain.RequestContext{CorrelationID: r.Header.Get("X-Correlation-ID")}
	p.notifyUpload(domain.WithRequestContext(r.Context(), request), in)
	respond(w, http.StatusAccepted, map[string]any{
		"message":  fmt.Sprintf("Received %d files for processing", len(in.Files)),
		"batch_id": in.Batch, "correlation_id": request.CorrelationID,
	})
}

// notifyUpload notifies the teacher of the upload.
func (p *Platform) notifyUpload(ctx context.Context, in Upload) {
	n := NotificationRequestOf("batch_files_uploaded")
	n.Batch, n.Payload = in.Batch, map[string]any{"file_count": len(in.Files)}
	if err := p.notifier.publishKafka(ctx, in.User, n); err != nil {
		p.config.Log.WarnContext(ctx, "publish of a notification failed", "type", n.Type, "error", err)
	}
}

// respondConflict responds with 409 in the error format of the platform's newer services.
func respondConflict(w http.ResponseWriter, code domain.Code, message string) {
	respond(w, http.StatusConflict, map[string]any{"error": map[string]any{
		"error_code": code, "message": message, "service": "file_service",
	}})
}

// readUpload reads a form and discards the content of its files.
func readUpload(r *http.Request) (in Upload, err error) {
	form, err := r.MultipartReader()
	if err != nil {
		return Upload{}, err
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return in, drain(r.Body)
		}
		if err != nil {
			return Upload{}, err
		}
		if err := in.read(part); err != nil {
			return Upload{}, err
		}
	}
}

// drain reads the rest of the body, so that a truncated body is an error.
func drain(body io.Reader) error {
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

// setFiles sets the file names of a batch that waits for content and makes it ready.
func (d *batchDocument) setFiles(files []File) {
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
