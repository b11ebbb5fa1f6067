package upload

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/requests"
)

// FuzzForm checks that a copy is complete only if the form is valid, and that a line-based
// reader then finds the same fields in it.
func FuzzForm(f *testing.F) {
	for _, b := range requests.BadForms() {
		f.Add([]byte(b.Body))
	}
	f.Add([]byte(requests.GoodForm()))
	f.Add([]byte("x\n--B\nContent-Disposition: form-data; name=files; filename=a\n\n--B \n--B--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var out bytes.Buffer
		copied := newForm(bytes.NewReader(body), "B", &out, 3)
		err := copied.copy()
		boundary := copied.out.Boundary()
		complete := bytes.HasSuffix(out.Bytes(), []byte("--"+boundary+"--\r\n"))
		require.Equal(t, err == nil, complete, err)
		if err != nil {
			require.Contains(t, []domain.Code{domain.ValidationError, domain.ParsingError}, domain.CodeOf(err))
			return
		}
		requireGood(t, out.String(), boundary)
	})
}

// requireGood checks a form with a reader that only looks for lines.
func requireGood(t *testing.T, form, boundary string) {
	t.Helper()
	parts := strings.Split("\r\n"+form, "\r\n--"+boundary)
	require.Equal(t, "--\r\n", parts[len(parts)-1])
	counted := map[string]int{}
	for _, part := range parts[1 : len(parts)-1] {
		head, _, found := strings.Cut(part, "\r\n\r\n")
		require.True(t, found)
		require.NotContains(t, strings.ReplaceAll(head, "\r\n", ""), "\r")
		require.NotContains(t, strings.ReplaceAll(head, "\r\n", ""), "\n")
		require.Equal(t, 1, strings.Count(strings.ToLower(head), "\r\ncontent-disposition:"))
		for _, name := range []string{"batch_id", "assignment_id", "files"} {
			if strings.Contains(head, "name="+strconv.Quote(name)) || strings.Contains(head, "name="+name) {
				counted[name]++
				break
			}
		}
	}
	require.LessOrEqual(t, counted["assignment_id"], 1)
	require.LessOrEqual(t, counted["files"], 3)
}
