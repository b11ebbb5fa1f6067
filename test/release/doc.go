// Package release checks .goreleaser.yaml with GoReleaser's own types. It is a module of its own, so that
// none of GoReleaser's dependencies is among those of the services.
package release
