package wire

import "sync"

// adapter builds the production adapter of a port. It registers what the adapter needs
// of the process with the lifecycle. It is called only if the port is not overridden.
type adapter[P any] func(*lifecycle) (P, error)

// choose returns the override, or builds the production adapter if there is none.
func choose[P comparable](override P, build adapter[P], l *lifecycle) (P, error) {
	var none P
	if override != none {
		return override, nil
	}
	return build(l)
}

// fill sets a port that is not overridden to its production adapter.
func fill[P comparable](port *P, build adapter[P], l *lifecycle) (err error) {
	*port, err = choose(*port, build, l)
	return err
}

// once returns an adapter that is built by the first call. Several ports share it.
func once[P any](build adapter[P]) adapter[P] {
	var first sync.Once
	var built P
	var err error
	return func(l *lifecycle) (P, error) {
		first.Do(func() { built, err = build(l) })
		return built, err
	}
}
