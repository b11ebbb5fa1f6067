package api_test

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/api"
)

// TestReferencesLead: every "$ref" of both documents points at something.
func TestReferencesLead(t *testing.T) {
	t.Parallel()
	for name, text := range map[string][]byte{"openapi": api.OpenAPI(), "asyncapi": api.AsyncAPI()} {
		var document map[string]any
		require.NoError(t, yaml.Unmarshal(text, &document), name)
		seen := 0
		walk(document, func(pointer string) {
			seen++
			assert.True(t, leads(document, pointer), "%s: %s", name, pointer)
		})
		assert.Greater(t, seen, 10, name)
	}
}

func walk(node any, visit func(pointer string)) {
	switch node := node.(type) {
	case map[string]any:
		for key, child := range node {
			if pointer, ok := child.(string); ok && key == "$ref" {
				visit(pointer)
				continue
			}
			walk(child, visit)
		}
	case []any:
		for _, child := range node {
			walk(child, visit)
		}
	}
}

func leads(document map[string]any, pointer string) bool {
	var at any = document
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "#/"), "/") {
		inner, ok := at.(map[string]any)
		if !ok {
			return false
		}
		step = strings.ReplaceAll(step, "~1", "/")
		if at, ok = inner[step]; !ok {
			return false
		}
	}
	return true
}

func TestPageHasItsScript(t *testing.T) {
	t.Parallel()
	assert.Contains(t, string(api.Page()), `src="/docs/page.js"`)
	assert.Contains(t, string(api.Script()), `fetch("/openapi.json")`)
}
