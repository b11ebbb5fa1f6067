#!/usr/bin/env bash
# with.sh CMD... - run CMD with a real Redis and a real Kafka.
#
# Starts both on free loopback ports, sets EDGE_TEST_REDIS (a URL) and
# EDGE_TEST_KAFKA (host:port) for CMD, stops both afterwards and exits with CMD's
# exit code. If a variable is already set, that server is not started. A server
# that cannot be started is reported at the end; with CI=true or
# EDGE_TEST_REQUIRE_REAL=1 it is an error.
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
[ $# -gt 0 ] || { sed -n '2,8p' "${BASH_SOURCE[0]}"; exit 2; }

if [ "${CI:-}" = true ]; then export EDGE_TEST_REQUIRE_REAL=1; fi
run="$(mktemp -d "${TMPDIR:-/tmp}/edge-servers-XXXXXX")"
missing=() started=() cmd="" port=""

# free_port prints a port whose successor is also free.
free_port() {
  local p
  while :; do
    p=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    (exec 9<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null && continue
    (exec 9<>"/dev/tcp/127.0.0.1/$((p + 1))") 2>/dev/null && continue
    echo "$p"
    return
  done
}

# lacks prints the first program that is not in PATH.
lacks() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || { echo "$program"; return 0; }
  done
  return 1
}

# server KIND DIRECTORY VERB runs the script of a server.
server() { env "${1^^}_PORT=$port" "${1^^}_RUN=$2" "$here/$1.sh" "$3" </dev/null; }

# launch redis|kafka PROGRAM... starts a server and sets port. It retries, because
# another process can take the port before the server binds it.
launch() {
  local kind="$1" program attempt; shift
  if program="$(lacks "$@")"; then
    missing+=("$kind: $program is not in PATH")
    return 1
  fi
  for attempt in 1 2 3; do
    port="$(free_port)"
    server "$kind" "$run/$kind-$attempt" start && { started+=("$kind:$run/$kind-$attempt"); return 0; }
    server "$kind" "$run/$kind-$attempt" stop
  done
  missing+=("$kind: it did not start")
  return 1
}

# finish stops the servers when the script exits.
finish() {
  local code=$? s
  trap - EXIT
  for s in ${started[@]+"${started[@]}"}; do server "${s%%:*}" "${s#*:}" stop; done
  rm -rf "$run"
  exit "$code"
}

# interrupt sends the signal to CMD's process group.
interrupt() {
  [ -z "$cmd" ] || kill "-$1" -- "-$cmd" 2>/dev/null
  interrupted=1
}

interrupted=""
trap finish EXIT
for s in INT TERM HUP; do
  # shellcheck disable=SC2064
  trap "interrupt $s" "$s"
done

if [ -z "${EDGE_TEST_REDIS:-}" ] && launch redis redis-server; then
  export EDGE_TEST_REDIS="redis://127.0.0.1:$port"
fi
if [ -z "${EDGE_TEST_KAFKA:-}" ] && launch kafka java mvn; then
  export EDGE_TEST_KAFKA="127.0.0.1:$port"
fi
[ -z "$interrupted" ] || exit 130
if [ ${#missing[@]} -gt 0 ] && [ "${EDGE_TEST_REQUIRE_REAL:-}" = 1 ]; then
  printf 'ERROR: a real server is required: %s\n' "${missing[@]}" >&2
  exit 1
fi

# Job control runs CMD in its own process group, which can receive signals.
set -m
"$@" </dev/null &
cmd=$!
set +m
while :; do
  wait "$cmd"
  code=$?
  kill -0 "$cmd" 2>/dev/null || break # a signal interrupts wait
done

if [ ${#missing[@]} -gt 0 ]; then
  {
    echo
    echo '**********************************************************************'
    printf '** SKIPPED: tests on a real %s\n' "${missing[@]}"
    echo '**********************************************************************'
  } >&2
fi
exit "$code"
