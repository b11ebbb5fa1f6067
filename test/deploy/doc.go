// Package deploy checks the files in deploy/ with the libraries of the programs that read them: kustomize and Helm render the
// manifests, the types of the Kubernetes API decode them, the loader of Compose and the parser of BuildKit read their files, the
// services' configuration reads every variable, and the engine of Prometheus evaluates the alerts. It is a separate module, so
// that no service links these libraries.
package deploy
