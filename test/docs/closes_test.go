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
	if want := closes(); want != string(have) {
		t.Fatalf("%s is not current; run: go run ./test/docs\n%s", closesPage, firstDifference(string(have), want))
	}
}

// The AsyncAPI document names the same closes as the catalogue.
func TestAsyncAPINamesEveryClose(t *testing.T) {
	var document struct {
		Channels struct {
			Socket struct {
				Closes []described `yaml:"x-closes"`
			} `yaml:"socket"`
		} `yaml:"channels"`
	}
	require.NoError(t, yaml.Unmarshal(api.AsyncAPI(), &document))
	var want []described
	for _, e := range websocket.Catalogue() {
		want = append(want, described{int(e.Close.Status), string(e.Close.Code), e.When, e.Then})
	}
	require.Equal(t, want, document.Channels.Socket.Closes)
}

// described is a close as the document tells of it.
type described struct {
	Code   int    `yaml:"code"`
	Error  string `yaml:"error_code"`
	When   string `yaml:"when"`
	Client string `yaml:"client"`
}
