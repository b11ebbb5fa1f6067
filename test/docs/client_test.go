package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/websocket"
)

// TestClientFilesAreCurrent compares the generated files of the JavaScript client with their sources.
func TestClientFilesAreCurrent(t *testing.T) {
	for path, generate := range map[string]func() (string, error){
		clientClosesPage: clientClosesText, clientEventsPage: clientEventsText,
	} {
		want, err := generate()
		require.NoError(t, err)
		have, err := os.ReadFile("../../" + path)
		require.NoError(t, err)
		if want != string(have) {
			t.Errorf("%s is not current; run: go run ./test/docs\n%s", path, firstDifference(string(have), want))
		}
	}
}

// TestClientReactsToEveryInstruction checks that a new instruction in the catalogue needs a reaction of
// the client.
func TestClientReactsToEveryInstruction(t *testing.T) {
	for _, e := range websocket.Catalogue() {
		_, known := clientReaction(e.Then)
		require.True(t, known, "%d: %s", e.Close.Status, e.Then)
	}
	_, known := clientReaction("sing a song")
	require.False(t, known)
}
