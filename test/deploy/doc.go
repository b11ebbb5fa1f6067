// Package deploy holds what lies in deploy/ to what its readers demand:
// kustomize renders the manifests, the API's own types decode them, Compose's
// loader and BuildKit's parser read theirs, the services' settings judge every
// variable, and Prometheus' own engine plays series to the alerts. It is a module of its own, so that none of these libraries is ever
// among those that a service is built from.
package deploy
