#!/usr/bin/env bash
# build.sh - install the development dependencies outside the source tree, link them as node_modules, and build dist/.
# Exit code 77: Node 20 or newer with npm is not installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec 8>"${TMPDIR:-/tmp}/huleedu-client-build.lock" # one build at a time
flock 8
packages="$(../../test/conformance/node.sh "$PWD")"
ln -sfn "$packages" node_modules
node scripts/build.mjs
