// Package kafka puts the gateway's commands on Kafka and takes the
// notifications from it. A record counts as published when every in-sync
// replica has it, and as consumed when it was processed: in between it
// may come twice, but is never lost.
package kafka
