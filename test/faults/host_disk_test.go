package faults_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
)

// smallDisk mounts a file system with room for some megabytes and returns its directory. It skips the
// test where this process may not mount one.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no small file system, because mount failed: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "--lazy", dir).CombinedOutput(); err != nil {
			t.Logf("umount %s: %v %s", dir, err, out)
		}
	})
	return dir
}

// fillDisk writes a file until the file system has no room. free removes the file.
func fillDisk(t *testing.T, dir string) (free func()) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "ballast"))
	require.NoError(t, err)
	for block := make([]byte, 1<<16); err == nil; {
		_, err = file.Write(block)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	return func() { require.NoError(t, errors.Join(file.Close(), os.Remove(file.Name()))) }
}

// TestDiskOfRedisIsFull lets the append-only file fill the disk of Redis. Redis refuses to store and
// answers PING with an error, and still publishes. Stored notifications wait on Kafka, direct messages
// go on, and no node leaves the balancer.
func TestDiskOfRedisIsFull(t *testing.T) {
	t.Parallel()
	e := hostFault(t, redisDisk, diskFull)
	disk := smallDisk(t, "8m")
	s := newEnvironment(t, servers.OwnRedis(t, "--appendonly", "yes", "--dir", disk).URL(), servers.Kafka(t), nil)
	node := s.startNode(t)
	clients := connectClients(t, s, linkUsers, "ws://"+node+"/ws", "http://"+node+"/events")
	readiness := watchReadiness(t, node)
	e.measure(t, clients, node, func() {
		free := fillDisk(t, disk)
		require.Eventually(t, func() bool { return readiness.observed("degraded") }, waitLimit, 20*time.Millisecond, "the refusals are not reported")
		pause.For(faultLength(), "the length of the outage is the input")
		free()
	})
	require.False(t, readiness.observed("503"), "all nodes share Redis: none must leave the balancer")
}

// TestDiskOfKafkaIsFull lets the records fill the disk of Kafka. The broker ends, and starts again when
// the disk has room. Producers keep what the broker does not confirm.
func TestDiskOfKafkaIsFull(t *testing.T) {
	t.Parallel()
	e := hostFault(t, kafkaDisk, diskFull)
	disk := smallDisk(t, "48m")
	broker := servers.OwnKafka(t, "KAFKA_DATA="+filepath.Join(disk, "data"))
	s := newEnvironment(t, servers.Redis(t), broker.Addr(), nil)
	node := s.startNode(t)
	clients := connectClients(t, s, linkUsers, "ws://"+node+"/ws", "http://"+node+"/events")
	readiness := watchReadiness(t, node)
	e.measure(t, clients, node, func() {
		free := fillDisk(t, disk)
		require.Eventually(t, func() bool { return readiness.observed("degraded") }, waitLimit, 20*time.Millisecond, "the outage is not reported")
		pause.For(faultLength(), "the length of the outage is the input")
		free()
		broker.Stop()
		broker.Start()
	})
	require.False(t, readiness.observed("503"), "all nodes share Kafka: none must leave the balancer")
}
