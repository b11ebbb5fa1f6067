// Package api holds the contracts of the two services as documents: what the
// gateway answers (OpenAPI) and what the notification service sends (AsyncAPI).
// They are written by hand, served by the services and held against what the
// services really do by tests.
package api

import _ "embed"

//go:embed openapi.yaml
var openAPI string

//go:embed asyncapi.yaml
var asyncAPI string

//go:embed page.html
var page string

//go:embed page.js
var script string

// OpenAPI is the gateway's contract, OpenAPI 3.1 in YAML. The slice is the
// caller's own.
func OpenAPI() []byte { return []byte(openAPI) }

// AsyncAPI is the notification service's contract, AsyncAPI 3.0 in YAML. The
// slice is the caller's own.
func AsyncAPI() []byte { return []byte(asyncAPI) }

// Page is an HTML page that shows /openapi.json to a person, with Script. The
// slice is the caller's own.
func Page() []byte { return []byte(page) }

// Script is the page's JavaScript, to be served as /docs/page.js. The slice is
// the caller's own.
func Script() []byte { return []byte(script) }
