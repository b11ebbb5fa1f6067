// Command bench compares the two services with minimal programs that do the same
// work ("bare" baselines), on this machine, in one run:
//
//	go run ./test/bench [flags] [gateway|sockets|publish] [scenario...]
//
// The baselines, the backend and, with -inside, the services are child processes,
// so that /proc reports the CPU time and memory of each. The service and its
// baseline alternate in short rounds. The report contains medians and the median
// of the ratios per round. Requests per CPU second are comparable on a busy
// machine; latencies need a quiet one. The output is a Markdown table; its last
// line is the same data as JSON.
package main
