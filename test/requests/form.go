package requests

import "strings"

// Form joins parts by the boundary B.
func Form(parts ...string) string {
	var out strings.Builder
	for _, p := range parts {
		out.WriteString("--B\r\n" + p + "\r\n")
	}
	return out.String() + "--B--\r\n"
}

// Field returns a part that is a text field.
func Field(name, value string) string {
	return `Content-Disposition: form-data; name="` + name + `"` + "\r\n\r\n" + value
}

// File returns a part that is a file.
func File(name, content string) string {
	return `Content-Disposition: form-data; name="files"; filename="` + name + `"` + "\r\nContent-Type: text/plain\r\n\r\n" + content
}

// GoodForm returns a form with one file and a batch id.
func GoodForm() string { return Form(File("a.txt", "An essay."), Field("batch_id", "b1")) }

// BadForm is a form that the gateway refuses.
type BadForm struct {
	Name, Body string
	// Message and Details are those of the VALIDATION_ERROR.
	Message string
	Details map[string]any
}

// BadForms returns a form for each rule that it breaks. The limit is three files.
func BadForms() []BadForm {
	const malformed = "Failed to parse form data"
	parse := map[string]any{"field": "form", "expected": "multipart/form-data"}
	disposition := func(text string) string {
		return Form("Content-Disposition: "+text+"\r\n\r\nx", Field("batch_id", "b1"))
	}
	noBatch, noFile := "batch_id is required in form data", "At least one file is required"
	batch := map[string]any{"field": "batch_id"}
	return []BadForm{
		{"no batch", Form(File("a", "x")), noBatch, batch},
		{"blank batch", Form(Field("batch_id", " "), File("a", "x")), noBatch, batch},
		{"nothing", Form(), noBatch, batch},
		{"no file", Form(Field("batch_id", "b1")), noFile, map[string]any{"field": "files"}},
		{"file without a name", Form(File("", ""), Field("batch_id", "b1")), noFile, map[string]any{"field": "files"}},
		{"two batches", Form(Field("batch_id", "b1"), File("a", "x"), Field("batch_id", "b1")), "batch_id must not stand twice in form data", map[string]any{"field": "batch_id", "expected": "once"}},
		{"two assignments", Form(Field("assignment_id", ""), File("a", "x"), Field("assignment_id", "x"), Field("batch_id", "b1")), "assignment_id must not stand twice in form data", map[string]any{"field": "assignment_id", "expected": "once"}},
		{"long batch", Form(File("a", "x"), Field("batch_id", strings.Repeat("x", 256))), "Invalid batch ID", map[string]any{"field": "batch_id", "expected": "1 to 255 characters"}},
		{"batch of two lines", Form(File("a", "x"), Field("batch_id", "a\nb")), "Invalid batch ID", map[string]any{"field": "batch_id", "expected": "1 to 255 characters"}},
		{"batch of broken text", Form(File("a", "x"), Field("batch_id", "\xff")), "Invalid batch ID", map[string]any{"field": "batch_id", "expected": "1 to 255 characters"}},
		{"huge assignment", Form(Field("assignment_id", strings.Repeat("x", 1<<20)), File("a", "x")), "assignment_id is too long", map[string]any{"field": "assignment_id", "expected": "at most 2048 bytes"}},
		{"batch as a file", Form(strings.Replace(File("a", "b1"), "files", "batch_id", 1)), "batch_id must be text in form data", map[string]any{"field": "batch_id", "expected": "text"}},
		{"too many files", Form(File("a", "1"), File("b", "2"), File("c", "3"), File("d", "4"), Field("batch_id", "b1")), "Too many files", map[string]any{"field": "files", "limit": 3.0}},
		{"too many fields", Form(File("a", "1"), Field("batch_id", "b1"), Repeat(Field("x", ""), 100)), "Too many form fields", map[string]any{"field": "files", "limit": 100.0}},
		{"too many files without a name", Form(Repeat(File("", ""), 100), Field("batch_id", "b1")), "Too many form fields", map[string]any{"field": "files", "limit": 100.0}},
		{"no end", strings.TrimSuffix(GoodForm(), "--\r\n"), malformed, parse},
		{"no end of a part", strings.TrimSuffix(GoodForm(), "\r\n--B--\r\n"), malformed, parse},
		{"no part behind a boundary", strings.TrimSuffix(GoodForm(), "--\r\n") + "\r\n", malformed, parse},
		{"no form at all", "hello", malformed, parse},
		{"empty", "", malformed, parse},
		{"other boundary", strings.ReplaceAll(GoodForm(), "--B", "--C"), malformed, parse},
		{"no disposition", Form("Content-Type: text/plain\r\n\r\nx", Field("batch_id", "b1")), malformed, parse},
		{"no name", disposition(`form-data; filename="a"`), malformed, parse},
		{"no form data", disposition(`attachment; name="files"; filename="a"`), malformed, parse},
		{"two names", disposition(`form-data; name="files"; name="batch_id"; filename="a"`), malformed, parse},
		{"two notations", disposition(`form-data; filename="a;name*=b"; name="files"; Name *=utf-8''batch_id`), malformed, parse},
		{"two dispositions", disposition("form-data; name=\"files\"; filename=\"a\"\r\nContent-Disposition: form-data; name=\"batch_id\""), malformed, parse},
		{"open quote", disposition(`form-data; name="files"; filename="a`), malformed, parse},
		{"line break in a header", disposition("form-data; name=\"files\"; filename=\"a\rX: y\""), malformed, parse},
		{"header without a colon", Form("nonsense\r\n\r\nx"), malformed, parse},
		{"huge header", Form("X: "+strings.Repeat("x", 100_000)+"\r\n"+File("a", "x"), Field("batch_id", "b1")), malformed, parse},
		{"many headers", Form(strings.Repeat("X: y\r\n", 10_000)+File("a", "x"), Field("batch_id", "b1")), malformed, parse},
	}
}

// Repeat returns a part n times, for use as one part of Form.
func Repeat(part string, n int) string {
	return strings.TrimSuffix(strings.Repeat(part+"\r\n--B\r\n", n), "\r\n--B\r\n")
}
