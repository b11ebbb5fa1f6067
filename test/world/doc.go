// Package world is the simulated world around the two services: embedded
// brokers that can be taken away at will, and the platform behind them. Tests
// run in it, and so does "edge up".
package world
