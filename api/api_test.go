package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/api"
)

// TestNamesAreUnique checks that no object of the JSON forms has a name twice, which
// generators refuse. YAML merge keys produce such objects.
func TestNamesAreUnique(t *testing.T) {
	t.Parallel()
	for name, text := range map[string][]byte{"openapi": api.OpenAPI(), "asyncapi": api.AsyncAPI()} {
		document, err := yaml.YAMLToJSON(text)
		require.NoError(t, err, name)
		d := json.NewDecoder(bytes.NewReader(document))
		require.NoError(t, checkNames(d, "#"), name)
		assert.NotContains(t, string(text), "<<:", name)
	}
	require.ErrorContains(t, checkNames(json.NewDecoder(strings.NewReader(`{"a":[{"b":1,"b":2}]}`)), "#"), "#/a/0/b")
}

// checkNames reads a value and returns an error for a name that an object has twice.
func checkNames(d *json.Decoder, at string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := 0; (token == json.Delim('{') || token == json.Delim('[')) && d.More(); i++ {
		step := strconv.Itoa(i)
		if token == json.Delim('{') {
			name, err := d.Token()
			if err != nil {
				return err
			}
			step = fmt.Sprint(name)
			if seen[step] {
				return fmt.Errorf("%s/%s is there twice", at, step)
			}
			seen[step] = true
		}
		if err := checkNames(d, at+"/"+step); err != nil {
			return err
		}
	}
	if token == json.Delim('{') || token == json.Delim('[') {
		_, err = d.Token()
	}
	return err
}

// TestReferencesResolve checks that every "$ref" of both documents points to a value.
func TestReferencesResolve(t *testing.T) {
	t.Parallel()
	for name, text := range map[string][]byte{"openapi": api.OpenAPI(), "asyncapi": api.AsyncAPI()} {
		var document map[string]any
		require.NoError(t, yaml.Unmarshal(text, &document), name)
		seen := 0
		walk(document, func(pointer string) {
			seen++
			assert.True(t, resolves(document, pointer), "%s: %s", name, pointer)
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

func resolves(document map[string]any, pointer string) bool {
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
	assert.Contains(t, string(api.Page()), `href="/docs/page.css"`)
	assert.Contains(t, string(api.Script()), `url: "/openapi.json"`)
	assert.NotEmpty(t, api.Style())
}
