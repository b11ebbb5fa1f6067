#!/usr/bin/env bash
# redis.sh - one real Redis on 127.0.0.1, with the installed redis-server, for tests.
#
#   redis.sh start          returns when the server responds; fails if the port is taken
#   redis.sh stop           SIGTERM, then SIGKILL after 3 s
#   redis.sh kill           SIGKILL, like a crash
#   redis.sh pause|resume   SIGSTOP|SIGCONT, like a hanging process
#   redis.sh pid            print the server's process id
#
# REDIS_PORT  16379   use a port below 32768, the start of the range of outgoing connections
# REDIS_RUN   a directory for data, log and pid (default: under TMPDIR)
# REDIS_ARGS  additional options of redis-server, such as "--appendonly yes"
set -euo pipefail
port="${REDIS_PORT:-16379}"
run="${REDIS_RUN:-${TMPDIR:-/tmp}/edge-redis-$port}"
pidfile="$run/pid" log="$run/log"

die() { echo "redis.sh: $*" >&2; exit 1; }

# running prints the server's pid if the process exists and is this server.
running() {
  local p
  p="$(cat "$pidfile" 2>/dev/null)" || return 1
  [ -n "$p" ] && grep -qa redis-server "/proc/$p/cmdline" 2>/dev/null && echo "$p"
}

# answers sends PING over TCP; it does not need redis-cli.
answers() {
  local reply
  exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf 'PING\r\n' >&9
  read -r -t 2 reply <&9 && [ "${reply%$'\r'}" = +PONG ]
}

start() {
  running >/dev/null && return 0
  command -v redis-server >/dev/null || die "redis-server is not in PATH"
  mkdir -p "$run"
  rm -f "$pidfile"
  # shellcheck disable=SC2086
  redis-server --port "$port" --bind 127.0.0.1 --protected-mode no --save '' --appendonly no \
    --dir "$run" --logfile "$log" --pidfile "$pidfile" --daemonize yes ${REDIS_ARGS:-} >/dev/null
  local n
  for n in $(seq 100); do
    # The server writes its pid file after it has bound the port, so that another
    # server on the port is not mistaken for this one.
    if running >/dev/null && (answers) 2>/dev/null; then return 0; fi
    sleep 0.05
  done
  tail -n 5 "$log" >&2
  die "the server does not respond on port $port"
}

stop() {
  local p n
  p="$(running)" || return 0
  kill -CONT "$p" 2>/dev/null || true
  kill -TERM "$p" 2>/dev/null || true
  for n in $(seq 60); do running >/dev/null || return 0; sleep 0.05; done
  kill -KILL "$p" 2>/dev/null || true
}

signal() {
  local p
  p="$(running)" || die "no server is running"
  kill "-$1" "$p"
}

case "${1:-}" in
  start) start ;;
  stop) stop ;;
  kill) signal KILL ;;
  pause) signal STOP ;;
  resume) signal CONT ;;
  pid) running || die "no server is running" ;;
  *) sed -n '2,12p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
