package asyncapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"strings"
)

//go:embed page.html
var pageTemplate string

//go:embed page.css
var style string

// Page is the HTML page of an AsyncAPI document, with its security policy.
type Page struct {
	HTML []byte
	// Policy is the Content-Security-Policy of the page. It allows the page's own style
	// sheet and nothing else.
	Policy string
}

// Render returns the page of an AsyncAPI 3.0 document in JSON. Parts that it does not know
// are left out. It returns an error only if the template does.
func Render(json []byte) (Page, error) {
	t, err := template.New("page").Parse(strings.Replace(pageTemplate, "/* style */", style, 1))
	if err != nil {
		return Page{}, err
	}
	var html bytes.Buffer
	if err := t.Execute(&html, newContent(document{json})); err != nil {
		return Page{}, err
	}
	hash := sha256.Sum256([]byte(style))
	return Page{
		HTML: html.Bytes(),
		Policy: "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}, nil
}
