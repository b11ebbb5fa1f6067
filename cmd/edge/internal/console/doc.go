// Package console serves the web page of the edge tool: a demonstration on the simulated platform
// and the views of an operator. The page has no build step and loads nothing from other hosts.
// The programs that are deployed do not contain this package.
package console
