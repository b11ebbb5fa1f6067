package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlatformRejectsInvalidInput(t *testing.T) {
	for name, c := range map[string]struct {
		vars map[string]string
		args []string
		want string
		exit int
	}{
		"production":   {map[string]string{"ENVIRONMENT": "production"}, nil, `edge: "edge platform" is for development`, 1},
		"bad redis":    {map[string]string{"REDIS_URL": "nowhere"}, nil, "edge: run the platform: ", 1},
		"bad address":  {nil, []string{"--host", "192.0.2.1"}, "edge: run the platform: ", 1},
		"extra words":  {nil, []string{"now"}, "edge: unknown command", 2},
		"unknown flag": {nil, []string{"--fast"}, "edge: unknown flag: --fast", 2},
	} {
		t.Run(name, func(t *testing.T) {
			command := startCommand(t, c.vars, append([]string{"platform"}, c.args...)...)
			require.Equal(t, c.exit, command.exitCode(t))
			require.Contains(t, command.errs.String(), c.want)
		})
	}
}
