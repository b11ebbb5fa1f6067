package upload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver/requestbody"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/requests"
)

const maxTestFiles = 3

// copyOf copies a form and returns the copy.
func copyOf(in io.Reader) (copied string, err error) {
	var out bytes.Buffer
	err = newForm(in, "B", &out, maxTestFiles).copy()
	return out.String(), err
}

// TestLimitsOfForms has, for each limit, a form that reaches it and one that exceeds it by one.
func TestLimitsOfForms(t *testing.T) {
	batch, file := requests.Field("batch_id", "b1"), requests.File("a", "x")
	for name, form := range map[string]func(n int) string{
		"3 files":    func(n int) string { return requests.Form(batch, requests.Repeat(file, n)) },
		"100 fields": func(n int) string { return requests.Form(file, batch, requests.Repeat(requests.Field("x", ""), n-1)) },
		"2048 bytes of text": func(n int) string {
			return requests.Form(file, batch, requests.Field("assignment_id", strings.Repeat("x", n)))
		},
		"255 characters of a": func(n int) string { return requests.Form(file, requests.Field("batch_id", strings.Repeat("å", n))) },
	} {
		var limit int
		_, err := fmt.Sscan(name, &limit)
		require.NoError(t, err)
		_, err = copyOf(strings.NewReader(form(limit)))
		require.NoError(t, err, name)
		_, err = copyOf(strings.NewReader(form(limit + 1)))
		require.Equal(t, domain.ValidationError, domain.CodeOf(err), name)
	}
}

// TestHeadersOfPartsAreBounded checks that a long header is copied as it is, and that the limit holds for each
// part and not for its content.
func TestHeadersOfPartsAreBounded(t *testing.T) {
	long := "X-Long: " + strings.Repeat("x", 10_000) + "\r\n"
	copied, err := copyOf(strings.NewReader(requests.Form(long+requests.File("a", strings.Repeat("y", 40_000)), long+requests.Field("batch_id", "b1"))))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(copied, long))
}

// TestOtherFieldsAreDropped checks that only the fields of the file service are copied, in their order.
func TestOtherFieldsAreDropped(t *testing.T) {
	copied, err := copyOf(strings.NewReader(requests.Form(
		requests.Field("user_id", "other"), requests.Field("batch_id", "b1"), requests.File("a", "x"), requests.Field("files", "no file"), requests.Field("assignment_id", "a1"),
	)))
	require.NoError(t, err)
	require.NotContains(t, copied, "user_id")
	require.NotContains(t, copied, "no file")
	require.Less(t, strings.Index(copied, "batch_id"), strings.Index(copied, "files"))
	require.Less(t, strings.Index(copied, "files"), strings.Index(copied, "assignment_id"))
}

// TestErrorsOfTheBodyEndTheForm has the errors of a client's body, in the middle of a part and behind the form.
func TestErrorsOfTheBodyEndTheForm(t *testing.T) {
	broken := errors.New("broken")
	tooLarge := requestbody.TooLarge(1)
	good := requests.GoodForm()
	for _, text := range []string{good, good[:len(good)/2], good[:3], requests.Form(requests.Field("batch_id", "b"))[:60], ""} {
		for _, cause := range []error{broken, tooLarge, requestbody.ErrClientLeft} {
			copied, err := copyOf(io.MultiReader(strings.NewReader(text), iotest.ErrReader(cause)))
			require.ErrorIs(t, err, cause)
			require.False(t, strings.HasSuffix(copied, "--\r\n"), "the copy has no end")
			own, is := errors.AsType[*domain.Error](err)
			require.Equal(t, !errors.Is(cause, requestbody.ErrClientLeft), is)
			if is {
				require.Equal(t, errors.Is(cause, broken), own.Details["field"] == "form", "a domain error stays what it is")
			}
		}
	}
}

// failing is a destination that accepts some bytes.
type failing struct{ accepted int }

func (f *failing) Write(p []byte) (int, error) {
	if f.accepted -= len(p); f.accepted < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

// TestErrorsOfTheDestinationAreNoErrorsOfTheForm closes the destination at its first byte, in a file, and at the end.
func TestErrorsOfTheDestinationAreNoErrorsOfTheForm(t *testing.T) {
	text := requests.Form(requests.Field("batch_id", "b1"), requests.File("a", strings.Repeat("x", 3*formBuffer)))
	for _, accepted := range []int{0, formBuffer, 3 * formBuffer} {
		err := newForm(strings.NewReader(text), "B", &failing{accepted}, maxTestFiles).copy()
		require.ErrorIs(t, err, errDestination)
		require.ErrorIs(t, err, io.ErrClosedPipe)
	}
}

// TestNamesOfParts has the dispositions of parts: readers must not differ about the name.
func TestNamesOfParts(t *testing.T) {
	for disposition, want := range map[string]string{
		`form-data; name=files`:                           "files",
		`Form-Data; NAME="files"`:                         "files",
		`form-data; name="files"; filename="a;name*=b"`:   "files, a file",
		`form-data; name="files"; filename="a\";name*=b"`: "files, a file",
		`form-data; name="files"; filename="a\\"`:         "files, a file",
		`form-data; filename*=utf-8''a; name="files"`:     "files, a file",
		`form-data; name="files"; filename=""`:            "files",
		"form-data;\tname=\"files\"":                      "files",
		`form-data; name=""`:                              "",
		`form-data; name*=utf-8''files`:                   "refused",
		`form-data;NAME *=utf-8''files`:                   "refused",
		`form-data; filename="a\\"; name*=utf-8''files`:   "refused",
		`form-data; filename="\"a"; name*=utf-8''files`:   "refused",
		`form-data; filename="a"`:                         "refused",
		`attachment; name="files"`:                        "refused",
		`form-data; name="files"; name="files"`:           "files",
		"form-data; name=\"fi\x1fles\"":                   "refused",
		"form-data; name=\"fi\x7fles\"":                   "refused",
		"form-data; name=\"files\"; filename=\"a\x00b\"":  "refused",
		`form-data; name="files"; name="batch_id"`:        "refused",
		"": "refused",
	} {
		name, isFile, err := fieldName(textproto.MIMEHeader{"Content-Disposition": {disposition}})
		switch {
		case err != nil:
			name = "refused"
		case isFile:
			name += ", a file"
		}
		require.Equal(t, want, name, disposition)
	}
	for _, header := range []textproto.MIMEHeader{
		{},
		{"Content-Disposition": {`form-data; name="files"`, `form-data; name="files"`}},
		{"Content-Disposition": {`form-data; name="files"`}, "X-Other": {"a\rb"}},
	} {
		_, _, err := fieldName(header)
		require.ErrorIs(t, err, errPart)
	}
}
