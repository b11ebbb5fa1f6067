// Package openapi checks the API description that a running gateway serves with the tools
// of others. It contains only tests.
//
// schemathesis generates valid and invalid requests and checks that the responses conform.
// openapi-typescript and openapi-generator generate clients, which the TypeScript compiler
// checks together with a program that uses them; redocly lints the document. Chromium opens
// the page /docs.
//
// The tools need Python, Node, Java with Maven and Chromium, and are installed once into the user's
// cache. A test without its tool is skipped, or fails when real servers are required.
package openapi
