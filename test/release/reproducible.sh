#!/usr/bin/env bash
# reproducible.sh [fresh] - build the programs of the last commit in two directories and compare them.
#
# "fresh" compiles everything again for the second build, without the cache of the first (minutes).
# Prints the size, the checksum and the version of each program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work="$(mktemp -d "${TMPDIR:-/tmp}/edge-release-XXXXXX")"
trap 'rm -rf "$work"' EXIT
# A checkout may belong to another user.
git=(git -c safe.directory='*' -c advice.detachedHead=false)
revision="$("${git[@]}" rev-parse HEAD)"

# build DIRECTORY builds the programs in a clone, with the flags of .goreleaser.yaml.
build() {
  "${git[@]}" clone -q --no-hardlinks --no-checkout . "$work/$1"
  "${git[@]}" -C "$work/$1" checkout -q "$revision"
  (cd "$work/$1" && CGO_ENABLED=0 GOFLAGS= go build -trimpath -tags nomsgpack -buildvcs=true -ldflags '-s -w' -o "$work/out/$1/" ./cmd/...)
}

build one
if [ "${1:-}" = fresh ]; then export GOCACHE="$work/cache"; fi
build a-longer-name
code=0
for program in gateway websocket edge; do
  one="$work/out/one/$program" two="$work/out/a-longer-name/$program"
  cmp "$one" "$two" || { echo "ERROR: two builds of $program differ" >&2; code=1; }
  version="$("$one" --version)"
  [[ $version == *"revision $revision"* ]] || { echo "ERROR: $program does not tell its revision: $version" >&2; code=1; }
  printf '%-10s %9d bytes  %s\n           %s\n' "$program" "$(stat -c %s "$one")" "$(sha256sum "$one" | cut -d' ' -f1)" "$version"
done
exit "$code"
