//go:build !race

package websocket_test

// raceEnabled says that the detector's own memory would be measured.
const raceEnabled = false
