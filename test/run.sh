#!/usr/bin/env bash
# run.sh [GO TEST FLAG...] PACKAGE... - run tests with gotestsum beside a real Redis and a real Kafka.
#
# Prints what it runs, a line for each package that ends, and the failed and skipped tests. Exits
# with an error if a test fails or if no test has run. Write flags as -name=value. Everything after
# -args is for the test programs.
#
# GOTESTSUM  the program; default: gotestsum
# PARALLEL   3   packages that run at the same time. Most tests wait more than they compute.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
[ $# -gt 0 ] || { sed -n '2,10p' "${BASH_SOURCE[0]}"; exit 2; }
parallel="${PARALLEL:-3}"
events="$(mktemp "${TMPDIR:-/tmp}/edge-tests-XXXXXX")"
trap 'rm -f "$events"' EXIT

# tools prints the programs that are in PATH, and those that are not.
tools() {
  local program found=() missing=()
  for program in "$@"; do
    if command -v "$program" >/dev/null; then found+=("$program"); else missing+=("$program"); fi
  done
  echo "${found[*]}${missing[*]:+; missing: ${missing[*]}}"
}

packages=() race=without
for argument in "$@"; do
  case "$argument" in
    -args) break ;;
    -race) race=with ;;
    -*) ;;
    *) packages+=("$argument") ;;
  esac
done
count="$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "${packages[@]}" | grep -c .)"
echo "== test: $count package(s), $parallel at a time, $race the race detector"
echo "   real servers: Redis and Kafka ($(tools redis-server java mvn))"
echo "   external tools: $(tools gcc chromium node npm python3 python2.7)"

code=0
"$here/servers/with.sh" "${GOTESTSUM:-gotestsum}" --format pkgname --format-icons text --format-hide-empty-pkg \
  --jsonfile "$events" -- -p="$parallel" "$@" || code=$?
for kind in redis kafka; do
  echo "tests on a real $kind: $(grep -c "\"Key\":\"server\",\"Value\":\"$kind\"" "$events" || :)"
done
if ! grep -q '"Action":"pass".*"Test":' "$events"; then
  echo 'ERROR: no test has passed' >&2
  code=1
fi
exit "$code"
