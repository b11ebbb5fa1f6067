package faults_test

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"net"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// nameAnswer is what a look-up of a host name returns.
type nameAnswer struct {
	address [4]byte
	code    dnsmessage.RCode
	// silent leaves the look-up without an answer.
	silent bool
}

// nameServer answers the look-ups of this test program. It knows the names that tests set, and answers
// NXDOMAIN for all others. It is safe for concurrent use.
type nameServer struct {
	mu      sync.Mutex
	answers map[string]nameAnswer
}

// names is the name server of all tests. Each test uses names of its own.
var names = sync.OnceValue(func() *nameServer { return &nameServer{answers: map[string]nameAnswer{}} })

// set sets the answer for a name.
func (n *nameServer) set(name string, a nameAnswer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answers[name] = a
}

func (n *nameServer) answer(name string) nameAnswer {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a, known := n.answers[strings.TrimSuffix(name, ".")]; known {
		return a
	}
	return nameAnswer{code: dnsmessage.RCodeNameError}
}

// resolver returns a resolver that asks the name server, over connections in memory.
func (n *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go n.serve(server)
		return client, nil
	}}
}

// serve answers the requests of a connection until the resolver closes it.
func (n *nameServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		request := make([]byte, 2)
		if _, err := io.ReadFull(conn, request); err != nil {
			return
		}
		request = make([]byte, binary.BigEndian.Uint16(request))
		if _, err := io.ReadFull(conn, request); err != nil {
			return
		}
		response := n.respond(request)
		if response == nil {
			continue
		}
		if _, err := conn.Write(binary.BigEndian.AppendUint16(nil, uint16(len(response)&math.MaxUint16))); err != nil {
			return
		}
		if _, err := conn.Write(response); err != nil {
			return
		}
	}
}

// respond returns the response to a request; it is nil if the name is silent.
func (n *nameServer) respond(request []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(request) != nil || len(m.Questions) != 1 {
		return nil
	}
	question := m.Questions[0]
	a := n.answer(question.Name.String())
	if a.silent {
		return nil
	}
	m.Response, m.RCode, m.Additionals = true, a.code, nil
	if a.code == dnsmessage.RCodeSuccess && question.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &dnsmessage.AResource{A: a.address},
		}}
	}
	response, err := m.Pack()
	if err != nil {
		return nil
	}
	return response
}
