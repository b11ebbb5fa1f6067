// Package world provides the environment of the two services: an embedded Redis
// and Kafka that a test can interrupt, and a simulated platform. Tests and "edge
// up" use it.
package world
