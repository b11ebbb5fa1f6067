// Package kafka publishes the gateway's commands to Kafka and consumes notifications from it.
// A record is published when all in-sync replicas have it, and committed when it has been
// processed: it may be delivered twice, but is never lost.
//
//   - publisher*.go, producer*.go: Publisher, the adapter of ports.CommandPublisher, over a
//     producer that sends the records of each partition in order.
//   - consumer*.go: Consumer, which processes each partition in order, retries a record or
//     writes it to the dead-letter topic, and commits offsets.
//   - config.go, connection.go, topic_client.go, metadata_conn.go, error_*.go: settings,
//     connections and error codes of both.
package kafka
