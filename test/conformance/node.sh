#!/usr/bin/env bash
# node.sh [DIR] - install the Node packages of DIR/package-lock.json once, outside the
# source tree, and print the directory for NODE_PATH. The default is this directory.
# Exit code 77: Node 20 or newer with npm is not installed.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")}"
oldest=20

major="$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)"
if [ "$major" -lt "$oldest" ] || ! command -v npm >/dev/null; then
  echo "Node $oldest with npm is not installed" >&2
  exit 77
fi

packages="${XDG_CACHE_HOME:-$HOME/.cache}/huleedu-edge/node-$(sha256sum package-lock.json | cut -c1-16)"
# One process installs at a time; the directory is renamed when it is complete.
mkdir -p "$(dirname "$packages")"
exec 9>"$packages.lock"
flock 9
if [ ! -d "$packages" ]; then
  fresh="$(mktemp -d "$packages.XXXXXX")"
  trap 'rm -rf "$fresh"' EXIT
  cp package.json package-lock.json "$fresh"
  npm ci --prefix "$fresh" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  mv -T "$fresh" "$packages"
fi
echo "$packages/node_modules"
