package main

import (
	"github.com/huleedu/edge/test/world"
)

// greet says where everything is and what to try next.
func (t tool) greet(e *edge, w *world.World) {
	t.printf("gateway        http://%s\n", e.gateway.Addr)
	t.printf("notifications  ws://%s/ws\n", e.websockets.Addr)
	t.printf("redis          %s\n", origin(w.Redis() != nil, w.RedisURL))
	t.printf("kafka          %s\n\n", origin(w.Kafka() != nil, w.KafkaAddr))
	for _, teacher := range world.SampleTeachers() {
		token, err := t.mint(string(teacher.User), teacher.Org, sessionTime)
		if err != nil {
			continue
		}
		t.printf("%s (%s), token for %s:\n  %s\n", teacher.User, teacher.Org, sessionTime, token)
		for _, b := range teacher.Batches {
			t.printf("  %s, %d essays\n", b.ID, b.Essays)
		}
	}
	t.printf("\nTry in other shells:\n  bin/edge listen teacher-anna\n" +
		"  bin/edge pipeline batch-anna-1 cj_assessment --user teacher-anna\n  bin/edge notify teacher-anna hello\n")
	t.printf("or what the gateway passes on:\n  curl -H \"Authorization: Bearer $(bin/edge token teacher-anna)\" http://%s/v1/classes/\n"+
		"\nCtrl-C ends.\n", e.gateway.Addr)
}

// origin names no real server's address: it may hold a password.
func origin(embedded bool, address string) string {
	if embedded {
		return address + " (embedded)"
	}
	return "the one given"
}
