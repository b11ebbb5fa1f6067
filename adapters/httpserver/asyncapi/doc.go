// Package asyncapi renders an AsyncAPI document as a page for readers. The page is made on
// the server and has no scripts.
package asyncapi
