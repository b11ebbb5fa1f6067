package main

import (
	"github.com/huleedu/edge/test/world"
)

// printStartup prints the addresses, a token for each sample teacher, and commands to try.
func (t tool) printStartup(gateway, webSocket string, w *world.World) {
	t.printf("gateway        http://%s\n", gateway)
	t.printf("notifications  ws://%s/ws\n", webSocket)
	t.printf("redis          %s\n", describeServer(w.Redis() != nil, w.RedisURL))
	t.printf("kafka          %s\n\n", describeServer(w.Kafka() != nil, w.KafkaAddr))
	t.printTeachers()
	t.printf("\nTry in other shells:\n  bin/edge listen teacher-anna\n" +
		"  bin/edge pipeline batch-anna-1 cj_assessment --user teacher-anna\n  bin/edge notify teacher-anna hello\n")
	t.printf("Or call a proxied route:\n  curl -H \"Authorization: Bearer $(bin/edge token teacher-anna)\" http://%s/v1/classes/\n"+
		"\nPress Ctrl-C to stop.\n", gateway)
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

// describeServer describes a server. It hides the address of an external server, whose
// URL can contain a password.
func describeServer(embedded bool, address string) string {
	if embedded {
		return address + " (embedded)"
	}
	return "external"
}
