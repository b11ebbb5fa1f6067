// Package schemathesis generates valid and invalid requests from api/openapi.yaml with the
// tool of that name, and checks that the gateway's responses conform to the document. It
// contains only tests.
//
// The tool needs Python and is installed once into the user's cache. Without Python the test
// is skipped, or fails when real servers are required.
package schemathesis
