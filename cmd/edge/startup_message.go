package main

import (
	"slices"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// printStartup prints the addresses, a token for each sample teacher, and commands to try.
// adminToken is the operators' token of both services.
func (t tool) printStartup(gateway, webSocket *wire.Process, w *world.World, adminToken string) {
	t.printf("gateway        http://%s\n", gateway.Addr)
	t.printDocs("its API", gateway, "/docs")
	t.printf("notifications  ws://%s/ws\n", webSocket.Addr)
	t.printDocs("its messages", webSocket, "/asyncapi")
	t.printf("redis          %s\n", describeServer(w.Redis() != nil, w.RedisURL))
	t.printf("kafka          %s\n\n", describeServer(w.Kafka() != nil, w.KafkaAddr))
	t.printTeachers()
	sockets, gatewayURL, redis := "", "", ""
	if webSocket.Addr != loopbackAddr(socketPort) {
		sockets = " --url ws://" + webSocket.Addr + "/ws"
	}
	if gateway.Addr != loopbackAddr(gatewayPort) {
		gatewayURL = " --url http://" + gateway.Addr
	}
	if w.Redis() != nil && w.RedisURL != "redis://"+loopbackAddr(redisPort) {
		redis = " --redis " + w.RedisURL
	}
	t.printf("\nTry in other shells:\n  bin/edge listen teacher-anna%s\n"+
		"  bin/edge pipeline batch-anna-1 cj_assessment --user teacher-anna%s\n  bin/edge notify teacher-anna hello%s\n", sockets, gatewayURL, redis)
	if gateway.AdminAddr != "" && webSocket.AdminAddr != "" && adminToken != "" {
		if t.vars["ADMIN_TOKEN"] == adminToken { // the operator has it
			t.printf("  bin/edge nodes --nodes %s,%s\n", gateway.AdminAddr, webSocket.AdminAddr)
		} else {
			t.printf("  ADMIN_TOKEN=%s bin/edge nodes --nodes %s,%s\n", adminToken, gateway.AdminAddr, webSocket.AdminAddr)
		}
	}
	t.printf("Or call a proxied route:\n  curl -H \"Authorization: Bearer $(bin/edge token teacher-anna)\" http://%s/v1/classes/\n"+
		"A frontend on localhost may use any port; docs/clients.md explains how it connects.\n"+
		"\nPress Ctrl-C to stop.\n", gateway.Addr)
}

// printTeachers prints a token and the batches of each sample teacher.
func (t tool) printTeachers() {
	for _, teacher := range world.SampleTeachers() {
		token, err := t.generateToken(string(teacher.User), teacher.Org, tokenLifetime)
		if err != nil {
			continue
		}
		t.printf("%s (%s), token for %s:\n  %s\n", teacher.User, teacher.Org, tokenLifetime, token)
		for _, b := range teacher.Batches {
			t.printf("  %s, %d essays\n", b.ID, b.Essays)
		}
	}
}

// printDocs prints the address of a service's documents, unless they are switched off.
func (t tool) printDocs(name string, p *wire.Process, path string) {
	if slices.ContainsFunc(p.Routes, func(r httpserver.Route) bool { return r.Path == path }) {
		t.printf("  %-13shttp://%s%s\n", name, p.Addr, path)
	}
}

// describeServer describes a server. It hides the address of an external server, whose
// URL can contain a password.
func describeServer(embedded bool, address string) string {
	if embedded {
		return address + " (embedded)"
	}
	return "external"
}
