// Package conformance tests the notification service with external software: a test suite
// of the WebSocket protocol, a browser, a client library, and the AsyncAPI parser. It
// contains only tests.
//
// The software is Python 2.7 with the Autobahn suite, Node with some packages, and Chromium.
// Packages are downloaded once into the user's cache. A test is skipped when its software is
// missing, or fails when real servers are required.
package conformance
