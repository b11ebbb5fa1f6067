package main

import (
	"os"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/api"
)

func TestClosesPageIsCurrent(t *testing.T) {
	have, err := os.ReadFile("../../" + closesPage)
	require.NoError(t, err)
	if want := closesText(); want != string(have) {
		t.Fatalf("%s is not current; run: go run ./test/docs\n%s", closesPage, firstDifference(string(have), want))
	}
}

// TestAsyncAPINamesEveryClose compares the AsyncAPI document with the catalogue.
func TestAsyncAPINamesEveryClose(t *testing.T) {
	var document struct {
		Channels struct {
			Socket struct {
				Closes []closeDoc `yaml:"x-closes"`
			} `yaml:"socket"`
		} `yaml:"channels"`
	}
	require.NoError(t, yaml.Unmarshal(api.AsyncAPI(), &document))
	var want []closeDoc
	for _, e := range websocket.Catalogue() {
		want = append(want, closeDoc{int(e.Close.Status), string(e.Close.Code), e.When, e.Then})
	}
	require.Equal(t, want, document.Channels.Socket.Closes)
}

// closeDoc is a close code in the AsyncAPI document.
type closeDoc struct {
	Code   int    `yaml:"code"`
	Error  string `yaml:"error_code"`
	When   string `yaml:"when"`
	Client string `yaml:"client"`
}
