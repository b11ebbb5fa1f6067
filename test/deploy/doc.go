// Package deploy holds the manifests in deploy/ to what their readers demand:
// kustomize renders them, the API's own types decode them, Compose's loader
// and BuildKit's parser read theirs, and the services' settings judge every
// variable. It is a module of its own, so that none of these libraries is ever
// among those that a service is built from.
package deploy
