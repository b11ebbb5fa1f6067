package main

import (
	"debug/buildinfo"
	"encoding/binary"
	"io"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPeersAreSkippedWithoutTheirPrograms(t *testing.T) {
	for _, s := range scenarios() {
		if s.group == "peers" {
			rows, err := s.run(t.Context(), &runner{log: io.Discard})
			require.NoError(t, err, s.id())
			require.Empty(t, rows, s.id())
		}
	}
}

func TestPeerVersionIsThatOfItsModule(t *testing.T) {
	p := peer{"/a/program", "KrakenD CE", "example.com/krakend"}
	module := debug.Module{Path: p.module, Version: "v1.4.1"}
	for _, info := range []buildinfo.BuildInfo{{Main: module}, {Main: debug.Module{Path: "wrapper"}, Deps: []*debug.Module{&module}}} {
		name, err := p.versionIn(&info)
		require.NoError(t, err)
		require.Equal(t, "KrakenD CE 1.4.1", name)
	}
	_, err := p.versionIn(&buildinfo.BuildInfo{})
	require.ErrorIs(t, err, errOtherProgram)
}

func TestCentrifugoMessageIsAPublication(t *testing.T) {
	k := messageTag{1, time.Now().UnixNano(), 2}
	message := appendMessage(nil, k, messageSize)
	wrapped := centrifugoProtocol().wrap(message)
	require.Equal(t, byte(0x22), wrapped[0]) // field 4, bytes
	size, n := binary.Uvarint(wrapped[1:])
	require.Equal(t, message, wrapped[1+n:])
	require.Equal(t, uint64(len(message)), size)
	got, ok := parseTag([]byte(`{"channel":"#u","pub":{"data":` + string(message) + `}}`))
	require.True(t, ok)
	require.Equal(t, k, got)
}
