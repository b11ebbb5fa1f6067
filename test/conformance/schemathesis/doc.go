// Package schemathesis lets a tool that others have written invent requests
// from api/openapi.yaml, good and bad ones, and look for answers of the gateway
// that the document does not allow. Its tests are all there is.
//
// The tool is Python; it is fetched once into the user's cache. Without Python
// its test is skipped, or fails where real servers are required.
package schemathesis
