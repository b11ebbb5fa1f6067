// Package api contains the API descriptions of both services: OpenAPI for the gateway
// and AsyncAPI for the notification service. They are written by hand. The services
// serve them, and tests compare them with the behaviour of the services.
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

//go:embed page.css
var style string

// OpenAPI returns the description of the gateway's API, OpenAPI 3.1 in YAML. The
// caller owns the slice.
func OpenAPI() []byte { return []byte(openAPI) }

// AsyncAPI returns the description of the notification service's messages, AsyncAPI
// 3.0 in YAML. The caller owns the slice.
func AsyncAPI() []byte { return []byte(asyncAPI) }

// Page returns an HTML page that shows /openapi.json. It loads Script, Style and the files
// of Swagger UI from /docs/. The caller owns the slice.
func Page() []byte { return []byte(page) }

// Script returns the JavaScript of the page, which is served as /docs/page.js. The
// caller owns the slice.
func Script() []byte { return []byte(script) }

// Style returns the style sheet of the page, which is served as /docs/page.css. The
// caller owns the slice.
func Style() []byte { return []byte(style) }
