package main

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// peerPrograms holds the paths of the other products' programs; an empty path skips their scenarios.
type peerPrograms struct{ centrifugo, krakend string }

// peer is another product: its program and the module that it is built from.
type peer struct{ path, name, module string }

func (l *runner) centrifugo() peer {
	return peer{l.peers.centrifugo, "Centrifugo", "github.com/centrifugal/centrifugo/v6"}
}

func (l *runner) krakend() peer {
	return peer{l.peers.krakend, "KrakenD CE", "github.com/devopsfaith/krakend-ce"}
}

var (
	errOtherProgram    = errors.New("the program is not built from the module")
	errTokenNotChecked = errors.New("a forged token is accepted")
)

// version returns the name of the product with the version from the program's build information.
func (p peer) version() (string, error) {
	info, err := buildinfo.ReadFile(p.path)
	if err != nil {
		return "", err
	}
	return p.versionIn(info)
}

// versionIn returns the name of the product with the version of its module.
func (p peer) versionIn(info *buildinfo.BuildInfo) (string, error) {
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == p.module {
			return p.name + " " + strings.TrimPrefix(m.Version, "v"), nil
		}
	}
	return "", fmt.Errorf("%s: %w %s", p.path, errOtherProgram, p.module)
}

// compare runs a scenario with a peer and names the peer's version in the rows. It does nothing without
// the peer's program.
func (l *runner) compare(p peer, run func() ([]row, error)) ([]row, error) {
	if p.path == "" {
		l.logf("skipped: the path of %s is not given", p.name)
		return nil, nil
	}
	name, err := p.version()
	if err != nil {
		return nil, err
	}
	rows, err := run()
	for i := range rows {
		if rows[i].Bare != nil {
			rows[i].Beside = name
		}
	}
	return rows, err
}

// startPeer writes the configuration and starts the peer with it, and returns when the address accepts
// connections. The environment of the peer contains only env. The caller must call stop.
func (l *runner) startPeer(ctx context.Context, p peer, address string, config any, env ...string) (*process, error) {
	content, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(l.dir, l.uniqueName("peer")+".json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return nil, err
	}
	args := []string{"--config", file}
	if p == l.krakend() {
		args = []string{"run", "--config", file}
	}
	c := exec.Command(p.path, args...)
	c.Env = append([]string{}, env...)
	started, out, err := l.launch(c)
	if err != nil {
		return nil, err
	}
	started.addr = address
	go started.discard(out)
	err = pollUntil(ctx, 30*time.Second, func() bool {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
		return err == nil && conn.Close() == nil
	})
	if err != nil {
		started.stop()
		return nil, fmt.Errorf("%s did not start: %w: %s", p.name, err, started.errs.String())
	}
	return started, nil
}

// discard reads the output until the process ends.
func (p *process) discard(out io.Reader) {
	defer close(p.done)
	_, _ = io.Copy(io.Discard, out)
	_ = p.cmd.Wait() // the exit status does not matter
}

// forgedToken returns a token of a new user with a wrong signature. A peer must refuse it before it is
// measured, because a wrong configuration can switch its check off.
func (l *runner) forgedToken() (string, error) {
	users, err := l.newUsers(1)
	if err != nil {
		return "", err
	}
	token := users[0].token
	return token[:strings.LastIndexByte(token, '.')+1] + strings.Repeat("A", 43), nil
}

// freeAddress returns a loopback address with a free port, and the port.
func freeAddress() (string, int, error) {
	port, err := freePort()
	return fmt.Sprintf("127.0.0.1:%d", port), port, err
}
