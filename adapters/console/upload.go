package console

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
)

// Upload is a form with files for a batch.
type Upload struct {
	Batch string
	// Assignment is left out if it is empty.
	Assignment string
	// Files are the paths of the files, which are sent in this order.
	Files []string
	// OnProgress is called with the sent bytes of the form and their total, after each piece
	// that was sent.
	OnProgress func(sent, total int64)
}

// UploadResponse is the gateway's response to an accepted upload.
type UploadResponse struct {
	Message       string `json:"message"`
	BatchID       string `json:"batch_id"`
	CorrelationID string `json:"correlation_id"`
}

// Upload sends the files. They are streamed, one open at a time. It returns a *ServiceError
// when the gateway rejects the form, also before its end.
func (g GatewayClient) Upload(ctx context.Context, u Upload) (UploadResponse, error) {
	boundary := rand.Text()
	total, err := u.size(boundary)
	if err != nil {
		return UploadResponse{}, err
	}
	reader, writer := io.Pipe()
	body := &progressReader{Reader: reader, total: total, report: u.OnProgress}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+"/v1/files/batch", io.NopCloser(body))
	if err != nil {
		return UploadResponse{}, fmt.Errorf("build the request: %w", err)
	}
	form := newForm(writer, boundary)
	req.ContentLength = total
	req.Header.Set("Authorization", "Bearer "+g.Token)
	req.Header.Set("Content-Type", form.FormDataContentType())
	written := make(chan error, 1)
	go func() {
		err := u.write(form, copyFile)
		written <- errors.Join(err, writer.CloseWithError(err))
	}()
	var r UploadResponse
	err = doRequest("the gateway", req, &r)
	_ = reader.CloseWithError(errAnswered) // ends the writer after an early answer
	if failed := <-written; err != nil && failed != nil && !errors.Is(failed, errAnswered) {
		return r, errors.Join(failed, err)
	}
	return r, err
}

// errAnswered means that the gateway answered before the end of the form.
var errAnswered = errors.New("the gateway has answered")

// newForm returns a form with this boundary between its parts.
func newForm(w io.Writer, boundary string) *multipart.Writer {
	form := multipart.NewWriter(w)
	_ = form.SetBoundary(boundary) // letters and digits are valid
	return form
}

// size returns the size of the form in bytes. It returns an error for a file that cannot be
// read or is a directory.
func (u Upload) size(boundary string) (int64, error) {
	var counted countingWriter
	err := u.write(newForm(&counted, boundary), func(_ io.Writer, path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s: %w", path, errNoFile)
		}
		counted += countingWriter(info.Size())
		return nil
	})
	return int64(counted), err
}

var errNoFile = errors.New("is not a regular file")

// write writes the form. content writes the content of a file.
func (u Upload) write(form *multipart.Writer, content func(io.Writer, string) error) error {
	if err := form.WriteField("batch_id", u.Batch); err != nil {
		return err
	}
	if u.Assignment != "" {
		if err := form.WriteField("assignment_id", u.Assignment); err != nil {
			return err
		}
	}
	for _, path := range u.Files {
		part, err := form.CreateFormFile("files", filepath.Base(path))
		if err != nil {
			return err
		}
		if err := content(part, path); err != nil {
			return err
		}
	}
	return form.Close()
}

func copyFile(to io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, file)
	return errors.Join(err, file.Close())
}

// countingWriter counts bytes.
type countingWriter int64

// Write counts the bytes.
func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}

// progressReader reports how much was read.
type progressReader struct {
	io.Reader

	sent, total int64
	report      func(sent, total int64)
}

// Read reads and reports.
func (r *progressReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if r.sent += int64(n); n > 0 && r.report != nil {
		r.report(r.sent, r.total)
	}
	return n, err
}
