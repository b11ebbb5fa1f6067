package asyncapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver/asyncapi"
	"github.com/huleedu/edge/api"
)

// render returns the page of the service's document.
func render(t *testing.T) (page asyncapi.Page, document map[string]any) {
	t.Helper()
	text, err := yaml.YAMLToJSON(api.AsyncAPI())
	require.NoError(t, err)
	page, err = asyncapi.Render(text)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(api.AsyncAPI(), &document))
	return page, document
}

// TestPageShowsTheDocument checks that every channel, message and close code has a place on the page,
// and that every link inside the page has a target.
func TestPageShowsTheDocument(t *testing.T) {
	page, document := render(t)
	html := string(page.HTML)
	for name, channel := range document["channels"].(map[string]any) {
		assert.Contains(t, html, `<section id="channel-`+name+`">`)
		for _, c := range asList(channel.(map[string]any)["x-closes"]) {
			assert.Contains(t, html, template(c.(map[string]any)["when"].(string)))
		}
	}
	for _, m := range document["components"].(map[string]any)["messages"].(map[string]any) {
		assert.Contains(t, html, `<section id="`+m.(map[string]any)["name"].(string)+`">`)
	}
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(html, -1) {
		assert.Equal(t, 1, strings.Count(html, `id="`+link[1]+`"`), link[1])
	}
	assert.Contains(t, html, `<dt><code>data.file_count</code></dt><dd><span class="type">integer</span> <span class="optional">optional</span><br>The number of files</dd>`)
	assert.Contains(t, html, `<dt><code>data.batch_id</code></dt><dd><span class="type">string | null</span></dd>`)
	assert.Contains(t, html, `<dt><code>event</code></dt><dd><span class="type">&#34;batch_files_uploaded&#34;</span></dd>`)
	assert.Contains(t, html, `<pre tabindex="0">retry: 3217`, "the example of the event stream")
	assert.Contains(t, html, `<dt><code>Last-Event-ID</code></dt>`, "a header of an operation")
	assert.Equal(t, 2, strings.Count(html, `<li><a href="#replay_incomplete">`)-1, "both transports list their messages")
	assert.Contains(t, html, `&#34;file_count&#34;: 2,`)
	assert.Contains(t, html, "category: batch_progress, priority: high, action required: false")
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

// template returns a text as the page has it.
func template(text string) string {
	return strings.NewReplacer("<", "&lt;", "'", "&#39;", `"`, "&#34;", "+", "&#43;").Replace(text)
}

// TestPolicyAllowsOnlyTheStyleSheet checks that the policy has the hash of the style sheet in
// the page, and that the page has no scripts.
func TestPolicyAllowsOnlyTheStyleSheet(t *testing.T) {
	page, _ := render(t)
	styles := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllSubmatch(page.HTML, -1)
	require.Len(t, styles, 1)
	hash := sha256.Sum256(styles[0][1])
	assert.Contains(t, page.Policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"';")
	assert.NotContains(t, string(page.HTML), "<script")
	assert.NotContains(t, string(page.HTML), "style=")
	source, err := os.ReadFile("page.css")
	require.NoError(t, err)
	assert.Equal(t, string(source), string(styles[0][1]), "the template must not change the style sheet")
}

// TestTextIsEscaped checks that a document cannot add markup, and that cycles and missing
// parts end.
func TestTextIsEscaped(t *testing.T) {
	page, err := asyncapi.Render([]byte(`{
		"info": {"title": "<script>alert(1)</script>"},
		"channels": {"a": {"servers": [{"$ref": "#/nowhere"}], "bindings": {"ws": {"query": {"properties": {"<b>": {"type": "string"}}}}}}},
		"components": {
			"schemas": {
				"Loop": {"$ref": "#/components/schemas/Loop"},
				"Tree": {"properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}}}
			},
			"messages": {
				"loop": {"name": "loop", "payload": {"$ref": "#/components/schemas/Loop"}},
				"tree": {"name": "tree", "payload": {"$ref": "#/components/schemas/Tree"}}
			}
		}}`))
	require.NoError(t, err)
	html := string(page.HTML)
	assert.Contains(t, html, "&lt;script&gt;")
	assert.NotContains(t, html, "<script")
	assert.NotContains(t, html, "<b>")
	assert.Contains(t, html, "<code>children[].children</code>")
	for _, broken := range []string{"", "[]", "null", `{"channels": 1, "operations": [2]}`} {
		_, err := asyncapi.Render([]byte(broken))
		assert.NoError(t, err)
	}
}
