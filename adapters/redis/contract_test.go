package redis_test

import (
	"testing"

	"github.com/huleedu/edge/test/contract"
)

func TestListenerOnEmbedded(t *testing.T) {
	contract.MessageListener(t, listenerHarness(embedded, true))
}

func TestListenerOnRealRedis(t *testing.T) {
	shared(t)
	contract.MessageListener(t, listenerHarness(shared, false))
}

func TestListenerOnOwnRedis(t *testing.T) {
	ownServer(t)
	contract.MessageListener(t, listenerHarness(ownServer, true))
}

func TestNotifierOnEmbedded(t *testing.T) {
	contract.NotificationPublisher(t, notifierHarness(embedded, true))
}

func TestNotifierOnRealRedis(t *testing.T) {
	shared(t)
	contract.NotificationPublisher(t, notifierHarness(shared, false))
}

func TestNotifierOnOwnRedis(t *testing.T) {
	ownServer(t)
	contract.NotificationPublisher(t, notifierHarness(ownServer, true))
}

func BenchmarkListenerOnEmbedded(b *testing.B) {
	contract.BenchmarkMessageListener(b, listenerHarness(embedded, true))
}

func BenchmarkListenerOnOwnRedis(b *testing.B) {
	contract.BenchmarkMessageListener(b, listenerHarness(ownServer, true))
}

func BenchmarkNotifierOnEmbedded(b *testing.B) {
	contract.BenchmarkNotificationPublisher(b, notifierHarness(embedded, true))
}

func BenchmarkNotifierOnOwnRedis(b *testing.B) {
	contract.BenchmarkNotificationPublisher(b, notifierHarness(ownServer, true))
}
