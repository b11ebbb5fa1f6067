package upload

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/domain"
)

const (
	// formBuffer is the size of a buffer for reading or sending, in bytes.
	formBuffer = 32 << 10
	// maxPartHeader bounds the header of a part, in bytes.
	maxPartHeader = 16 << 10
	// maxOtherParts bounds the parts of a form that are not files.
	maxOtherParts = 100
	// maxFormText bounds a field of text, in bytes.
	maxFormText = 2 << 10
)

// formSuffix is appended to every body. It has no effect after a complete form. A
// form that ends where a part should begin becomes an error; without the suffix the
// reader would return io.EOF as for a complete form.
const formSuffix = "\r\n-"

// Only these fields are sent to the file service; others are dropped.
const (
	// batchField names the form field of the batch's id. It is required.
	batchField = "batch_id"
	// assignmentField names the form field of the assignment's id. It is optional.
	assignmentField = "assignment_id"
	// filesField names the form field of each file. At least one file is required.
	filesField = "files"
)

var (
	errPartHeader  = errors.New("part header is over its size limit")
	errDestination = errors.New("destination accepts no more data")
)

// form copies the accepted fields from one multipart body to another while the first
// is still being received. It needs two buffers for any size. The copy has its own
// random boundary, so that file content cannot be read as a boundary by the service.
// The final boundary is written only when the whole form is valid.
type form struct {
	in    *partHeaderLimit
	parts *multipart.Reader
	// dst collects the copy to large pieces.
	dst *bufio.Writer
	out *multipart.Writer
	// maxFiles bounds the files of the form.
	maxFiles int

	batch         domain.BatchID
	files, others int
	assignment    bool
}

func newForm(in io.Reader, boundary string, dst io.Writer, maxFiles int) *form {
	in = io.MultiReader(in, strings.NewReader(formSuffix))
	f := &form{
		in: &partHeaderLimit{Reader: bufio.NewReaderSize(in, formBuffer)}, maxFiles: maxFiles,
		dst: bufio.NewWriterSize(destinationErrors{dst}, formBuffer),
	}
	f.parts = multipart.NewReader(f.in, boundary)
	f.out = multipart.NewWriter(f.dst)
	return f
}

// copy copies the form to its end. It returns errDestination when the destination
// fails and VALIDATION_ERROR for an invalid form. After an error the copy has no final
// boundary.
func (f *form) copy() error {
	for {
		f.in.enable()
		part, err := f.parts.NextRawPart()
		f.in.disable()
		if err == io.EOF { // unwrapped: a wrapped io.EOF is a form without its end
			break
		}
		if err != nil {
			return malformed(err)
		}
		if err := f.handlePart(part); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, f.in); err != nil { // an error in the epilogue counts too
		return malformed(err)
	}
	if err := f.validate(); err != nil {
		return err
	}
	if err := f.out.Close(); err != nil {
		return err
	}
	return f.dst.Flush()
}

// validate checks the rules for the whole form.
func (f *form) validate() error {
	switch {
	case f.batch == "":
		return noBatch()
	case f.files == 0:
		return domain.Invalid(filesField, "", "", "At least one file is required")
	default:
		return nil
	}
}

// handlePart copies or discards a part.
func (f *form) handlePart(part *multipart.Part) error {
	name, isFile, err := fieldName(part.Header)
	if err != nil {
		return malformed(err)
	}
	if name == filesField && isFile {
		f.files++
		if f.files > f.maxFiles {
			return tooMany("Too many files", f.maxFiles)
		}
		return f.copyPart(part.Header, part)
	}
	f.others++
	if f.others > maxOtherParts {
		return tooMany("Too many form fields", maxOtherParts)
	}
	switch name {
	case batchField:
		return f.handleBatch(part, isFile)
	case assignmentField:
		return f.handleAssignment(part, isFile)
	default:
		return f.copyContent(io.Discard, part)
	}
}

// tooMany returns the error for more parts of a kind than the limit.
func tooMany(message string, limit int) error {
	e := domain.Invalid(filesField, "", "", message)
	e.Details["limit"] = limit
	return e
}

func (f *form) handleBatch(part *multipart.Part, isFile bool) error {
	value, err := readText(part, batchField, isFile)
	if err != nil {
		return err
	}
	id := string(value)
	switch {
	case strings.TrimSpace(id) == "":
		return noBatch()
	case f.batch != "":
		return duplicateField(batchField)
	case !utf8.ValidString(id), strings.ContainsFunc(id, unicode.IsControl), utf8.RuneCountInString(id) > decode.MaxBatchID:
		return domain.Invalid(batchField, "", "1 to 255 characters", "Invalid batch ID")
	}
	f.batch = domain.BatchID(id)
	return f.copyPart(part.Header, bytes.NewReader(value))
}

// noBatch returns the error for a missing or empty batch_id.
func noBatch() error {
	return domain.Invalid(batchField, "", "", "batch_id is required in form data")
}

func (f *form) handleAssignment(part *multipart.Part, isFile bool) error {
	value, err := readText(part, assignmentField, isFile)
	if err != nil {
		return err
	}
	if f.assignment {
		return duplicateField(assignmentField)
	}
	f.assignment = true
	return f.copyPart(part.Header, bytes.NewReader(value))
}

func duplicateField(field string) error {
	return domain.Invalid(field, "", "once", field+" must not stand twice in form data")
}

// readText reads a text field. A part with a file name is an error.
func readText(part *multipart.Part, field string, isFile bool) ([]byte, error) {
	if isFile {
		return nil, domain.Invalid(field, "", "text", field+" must be text in form data")
	}
	value, err := io.ReadAll(io.LimitReader(part, maxFormText+1))
	switch {
	case err != nil:
		return nil, malformed(err)
	case len(value) > maxFormText:
		return nil, domain.Invalid(field, "", fmt.Sprintf("at most %d bytes", maxFormText), field+" is too long")
	default:
		return value, nil
	}
}

// copyPart copies a part with its header as received.
func (f *form) copyPart(header textproto.MIMEHeader, content io.Reader) error {
	to, err := f.out.CreatePart(header)
	if err != nil {
		return err
	}
	return f.copyContent(to, content)
}

// copyContent copies the content of a part.
func (f *form) copyContent(to io.Writer, content io.Reader) error {
	_, err := io.Copy(to, content)
	if err != nil && !errors.Is(err, errDestination) {
		return malformed(err)
	}
	return err
}

// destinationErrors marks write errors with errDestination.
type destinationErrors struct{ io.Writer }

func (t destinationErrors) Write(p []byte) (int, error) {
	n, err := t.Writer.Write(p)
	if err != nil {
		err = errors.Join(errDestination, err)
	}
	return n, err
}

// partHeaderLimit bounds how much is read before the content of a part. The multipart
// reader holds that much in memory.
type partHeaderLimit struct {
	io.Reader
	limited   bool
	remaining int
}

func (h *partHeaderLimit) enable()  { h.limited, h.remaining = true, maxPartHeader }
func (h *partHeaderLimit) disable() { h.limited = false }

func (h *partHeaderLimit) Read(p []byte) (int, error) {
	if h.limited && h.remaining <= 0 {
		return 0, errPartHeader
	}
	n, err := h.Reader.Read(p)
	h.remaining -= n
	return n, err
}
