package redisreplies_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy is a proxy for the Redis protocol that forwards commands, except those to which a test
// replies itself.
type proxy struct {
	listener net.Listener
	target   string
	group    sync.WaitGroup

	mu      sync.Mutex
	respond func(command []string) (reply string, handled bool)
	clients map[net.Conn]bool
}

// closeConnection is a reply that closes the connection instead.
const closeConnection = "close"

func startProxy(t testing.TB, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: l, target: strings.TrimPrefix(target, "redis://"), clients: map[net.Conn]bool{}}
	p.group.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.closeClients()
		p.group.Wait()
	})
	return p
}

func (p *proxy) url() string { return "redis://" + p.listener.Addr().String() }

// set sets the function that replies to commands; nil forwards all.
func (p *proxy) set(respond func(command []string) (string, bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.respond = respond
}

// replyToScripts replies to every script.
func (p *proxy) replyToScripts(reply string) {
	p.set(func(command []string) (string, bool) { return reply, isScript(command) })
}

func isScript(command []string) bool {
	return strings.HasPrefix(strings.ToLower(command[0]), "eval")
}

func (p *proxy) closeClients() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.clients {
		_ = c.Close()
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.clients[client] = true
		p.mu.Unlock()
		p.group.Go(func() { p.serve(client) })
	}
}

func (p *proxy) serve(client net.Conn) {
	defer func() {
		_ = client.Close()
		p.mu.Lock()
		delete(p.clients, client)
		p.mu.Unlock()
	}()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	commands, replies := bufio.NewReader(client), bufio.NewReader(server)
	for {
		command, err := readCommand(commands)
		if err != nil {
			return
		}
		p.mu.Lock()
		respond := p.respond
		p.mu.Unlock()
		if respond != nil {
			if reply, handled := respond(command); handled {
				if reply == closeConnection {
					return
				}
				if _, err := io.WriteString(client, reply); err != nil {
					return
				}
				continue
			}
		}
		if err := forward(server, client, command, replies); err != nil {
			return
		}
	}
}

// forward sends a command to the server and its reply to the client.
func forward(server, client io.Writer, command []string, replies *bufio.Reader) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "*%d\r\n", len(command))
	for _, argument := range command {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(argument), argument)
	}
	if _, err := server.Write(b.Bytes()); err != nil {
		return err
	}
	var reply bytes.Buffer
	if err := copyReply(replies, &reply); err != nil {
		return err
	}
	_, err := client.Write(reply.Bytes())
	return err
}

var errNotRESP = errors.New("not RESP")

// readCommand reads an array of bulk strings.
func readCommand(r *bufio.Reader) ([]string, error) {
	count, err := readLength(r, '*')
	if err != nil || count < 1 {
		return nil, errors.Join(errNotRESP, err)
	}
	command := make([]string, count)
	for i := range command {
		length, err := readLength(r, '$')
		if err != nil || length < 0 {
			return nil, errors.Join(errNotRESP, err)
		}
		argument := make([]byte, length+2)
		if _, err := io.ReadFull(r, argument); err != nil {
			return nil, err
		}
		command[i] = string(argument[:length])
	}
	return command, nil
}

// readLength reads a line with the type and a number.
func readLength(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, errNotRESP
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

// copyReply copies one RESP2 value.
func copyReply(r *bufio.Reader, to *bytes.Buffer) error {
	line, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	to.WriteString(line)
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch line[0] {
	case '$':
		if n >= 0 {
			_, err = io.CopyN(to, r, int64(n)+2)
		}
	case '*':
		for ; n > 0 && err == nil; n-- {
			err = copyReply(r, to)
		}
	}
	return err
}
