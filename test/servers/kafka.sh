#!/usr/bin/env bash
# kafka.sh - one real Apache Kafka broker (KRaft, single node) on 127.0.0.1, for tests.
# Needs java 17 or newer and mvn. The jars come from the configured Maven repository
# and are downloaded once into a cache outside the source tree.
#
#   kafka.sh fetch          fill the cache
#   kafka.sh start          fetch, format and start as needed; returns when the broker responds
#   kafka.sh stop           SIGTERM, then SIGKILL after 15 s; data is kept
#   kafka.sh kill           SIGKILL, like a crash; data is kept
#   kafka.sh pause|resume   SIGSTOP|SIGCONT, like a hanging process
#   kafka.sh pid            print the broker's process id
#   kafka.sh log            print the broker's log
#   kafka.sh tool NAME ...  run one of Kafka's scripts, such as kafka-topics.sh, with these arguments
#
# KAFKA_PORT     19092   the listener; the controller uses the next port. Use a port below
#                        32768, the start of the range of outgoing connections.
# KAFKA_RUN      a directory for data, log and pid (default: under TMPDIR)
# KAFKA_DATA     the directory for the records (default: below KAFKA_RUN)
# KAFKA_CACHE    where the jars are kept (default: the XDG cache)
# KAFKA_VERSION  4.1.1
# KAFKA_PARTITIONS 3     of a topic that is created on first use
# KAFKA_AUTO_CREATE true whether first use creates a topic
# KAFKA_ADVERTISE advertised host:port (a proxy in front)
# KAFKA_EXTRA    "key=value;key=value" appended to the broker's properties
# KAFKA_PROPERTIES a file that is appended to the broker's properties
# KAFKA_LISTENERS "NAME:PROTOCOL:PORT ..." additional listeners, for TLS and SASL; put their
#                settings into KAFKA_PROPERTIES
# KAFKA_SCRAM    "name=N,password=P" a user for the SCRAM mechanisms
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
version="${KAFKA_VERSION:-4.1.1}"
port="${KAFKA_PORT:-19092}"
run="${KAFKA_RUN:-${TMPDIR:-/tmp}/edge-kafka-$port}"
cache="${KAFKA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/huleedu-edge/kafka}"
jars="$cache/$version-tools" # another name when pom.xml changes
data="${KAFKA_DATA:-$run/data}"
pidfile="$run/pid" log="$run/log" properties="$run/server.properties"
options=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn
  -Dorg.slf4j.simpleLogger.showDateTime=true
  -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info)

die() { echo "kafka.sh: $*" >&2; exit 1; }

# running prints the broker's pid if the process exists and is this broker.
running() {
  local p
  p="$(cat "$pidfile" 2>/dev/null)" || return 1
  [ -n "$p" ] && grep -qaF "$properties" "/proc/$p/cmdline" 2>/dev/null && echo "$p"
}

# ended succeeds when the process has exited and its port is closed, which can be later.
ended() {
  ! running >/dev/null && ! (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

fetch() {
  [ -f "$jars/.complete" ] && return 0
  command -v mvn >/dev/null || die "mvn is not in PATH"
  mkdir -p "$cache"
  # One process fetches at a time, into a separate directory, so that an
  # interrupted download is never used.
  exec 8>"$cache/lock"
  flock 8
  [ -f "$jars/.complete" ] && return 0
  local n part="$jars.part"
  for n in 1 2 3; do
    rm -rf "$part"
    if mvn -q -B -f "$here/pom.xml" -Dkafka.version="$version" dependency:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$part" >"$cache/mvn.log" 2>&1 </dev/null; then
      touch "$part/.complete"
      rm -rf "$jars"
      mv "$part" "$jars"
      exec 8>&-
      return 0
    fi
    sleep $((n * 2))
  done
  tail -n 20 "$cache/mvn.log" >&2
  die "could not fetch Kafka $version"
}

configure() {
  mkdir -p "$run"
  local entry name protocol at more="" map=""
  for entry in ${KAFKA_LISTENERS:-}; do
    IFS=: read -r name protocol at <<<"$entry"
    more+=",$name://127.0.0.1:$at" map+=",$name:$protocol"
  done
  cat >"$properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))$more
advertised.listeners=PLAINTEXT://${KAFKA_ADVERTISE:-127.0.0.1:$port}$more
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT$map
inter.broker.listener.name=PLAINTEXT
log.dirs=$data
num.partitions=${KAFKA_PARTITIONS:-3}
auto.create.topics.enable=${KAFKA_AUTO_CREATE:-true}
num.network.threads=2
num.io.threads=2
background.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.enable=false
log.segment.bytes=67108864
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
P
  [ -z "${KAFKA_EXTRA:-}" ] || tr ';' '\n' <<<"$KAFKA_EXTRA" >>"$properties"
  [ -z "${KAFKA_PROPERTIES:-}" ] || cat "$KAFKA_PROPERTIES" >>"$properties"
  [ -f "$data/meta.properties" ] && return 0
  local scram=() mechanism
  if [ -n "${KAFKA_SCRAM:-}" ]; then
    for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do scram+=(--add-scram "$mechanism=[$KAFKA_SCRAM]"); done
  fi
  local id
  id="$(head -c 16 /dev/urandom | base64 | tr '+/' 'xy' | tr -d '=')"
  java -Xmx128m "${options[@]}" -cp "$jars/*" kafka.tools.StorageTool format \
    --cluster-id "$id" --config "$properties" ${scram[@]+"${scram[@]}"} >"$run/format.log" 2>&1 </dev/null ||
    { cat "$run/format.log" >&2; die "could not format the data directory"; }
}

# answers sends an ApiVersions request (key 18, version 0, correlation id 7, no
# client id) and checks the correlation id of the response.
answers() {
  local hex
  exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf '\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x07\xff\xff' >&9
  hex="$(timeout 2 head -c 8 <&9 | od -An -tx1 | tr -d ' \n')" || return 1
  [ "${hex:8:8}" = 00000007 ]
}

await() {
  local deadline=$((SECONDS + ${KAFKA_WAIT:-90}))
  while [ "$SECONDS" -lt "$deadline" ]; do
    running >/dev/null || { tail -n 30 "$log" >&2; die "the broker exited"; }
    if grep -q 'Kafka Server started' "$log" 2>/dev/null && (answers) 2>/dev/null; then return 0; fi
    sleep 0.1
  done
  tail -n 30 "$log" >&2
  die "the broker does not respond"
}

start() {
  running >/dev/null && return 0
  command -v java >/dev/null || die "java is not in PATH"
  fetch
  configure
  : >"$log"
  # The shell writes its pid and then execs the broker in a new session, so that
  # Ctrl-C in the terminal does not stop it.
  # shellcheck disable=SC2016
  setsid bash -c 'echo $$ >"$1"; cd "$2"; shift 2; exec "$@"' _ "$pidfile" "$run" \
    java -Xms64m -Xmx512m "${options[@]}" -cp "$jars/*" kafka.Kafka "$properties" \
    </dev/null >>"$log" 2>&1 &
  local n
  for n in $(seq 100); do running >/dev/null && break; sleep 0.05; done
  await
}

stop() {
  local p n
  p="$(running)" || return 0
  kill -CONT "$p" 2>/dev/null || true
  kill -TERM "$p" 2>/dev/null || true
  for n in $(seq 150); do ended && return 0; sleep 0.1; done
  kill -KILL "$p" 2>/dev/null || true
}

# still waits until all threads are stopped; on a busy machine that takes a moment.
still() {
  local pid
  pid=$(cat "$pidfile")
  while grep -L '^State:.*T' /proc/"$pid"/task/*/status 2>/dev/null | grep -q .; do sleep 0.01; done
}

signal() {
  local p
  p="$(running)" || die "no broker is running"
  kill "-$1" "$p"
}

crash() {
  local p
  p="$(running)" || die "no broker is running"
  kill -KILL "$p"
  until ended; do sleep 0.02; done
}

# tool runs the class behind one of Kafka's scripts.
tool() {
  local package=org.apache.kafka.tools class
  case "$1" in
    kafka-topics.sh) class=$package.TopicCommand ;;
    kafka-acls.sh) class=$package.AclCommand ;;
    kafka-consumer-groups.sh) class=$package.consumer.group.ConsumerGroupCommand ;;
    kafka-console-consumer.sh) class=$package.consumer.ConsoleConsumer ;;
    kafka-broker-api-versions.sh) class=$package.BrokerApiVersionsCommand ;;
    *) die "unknown tool $1" ;;
  esac
  fetch
  exec java -Xmx128m "${options[@]}" -cp "$jars/*" "$class" "${@:2}"
}

case "${1:-}" in
  tool) [ $# -gt 1 ] || die "tool needs a name"; tool "${@:2}" ;;
  fetch) fetch ;;
  start) start ;;
  stop) stop ;;
  kill) crash ;;
  pause) signal STOP; still ;;
  resume) signal CONT ;;
  pid) running || die "no broker is running" ;;
  log) cat "$log" ;;
  *) sed -n '2,28p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
