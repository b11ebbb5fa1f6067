// Package conformance holds the notification service against what others have
// written: a suite of the WebSocket protocol, a browser, a client library, and
// the tools that read its contract. Its tests are all there is.
//
// What they run is not Go: Python 2.7 with Autobahn's suite, Node with a few
// packages, Chromium. Each is fetched once into the user's cache and a test
// that lacks one is skipped, or fails where real servers are required.
package conformance
