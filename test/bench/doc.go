// Command bench measures the two services against bare programs that do the
// same work and nothing else, on this machine, in one run:
//
//	go run ./test/bench [flags] [gateway|sockets|publish] [scenario...]
//
// The baselines, the backend behind both and, on request, the services
// themselves are child processes of this program, so that /proc tells what each
// of them spent. Ours and the baseline take turns in short rounds; what is
// printed are medians, and the median of the rounds' ratios. Requests for each
// second of CPU survive a busy machine, latencies do not: take those on a quiet
// one. The output is a Markdown table and, as its last line, the same as JSON.
package main
