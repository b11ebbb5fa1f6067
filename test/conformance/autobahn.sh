#!/usr/bin/env bash
# autobahn.sh URL OUT CASES - run Autobahn's fuzzing client against a WebSocket
# echo server and write its report to the directory OUT.
#
# CASES is a JSON array of case patterns such as ["1.*","9.1.1"]. The suite needs
# Python 2.7: PYTHON27 is the interpreter; without it, pyenv and PATH are searched.
# The suite is installed once, outside the source tree. Exit code 77: Python 2.7 is
# not installed. Other codes: the suite did not run. The caller must read the results
# of the cases from OUT/index.json.
set -euo pipefail
[ $# = 3 ] || { sed -n '2,9p' "${BASH_SOURCE[0]}"; exit 2; }
url="$1" out="$2" cases="$3"
version=25.10.1
suite="${XDG_CACHE_HOME:-$HOME/.cache}/huleedu-edge/autobahn-$version"

# works reports whether a program is a usable Python 2.7, and not a pyenv shim
# without that version.
works() { [ -n "$1" ] && [ -x "$1" ] && "$1" -c 'import sys, ssl; sys.exit(sys.version_info[:2] != (2, 7))' 2>/dev/null; }

python="${PYTHON27:-}"
if [ -z "$python" ]; then
  for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7 "$(command -v python2.7 || :)"; do
    if works "$candidate"; then python="$candidate"; break; fi
  done
fi
works "$python" || { echo 'Python 2.7 is not installed' >&2; exit 77; }

# One process installs at a time; the directory is renamed when it is complete.
mkdir -p "$(dirname "$suite")"
exec 9>"$suite.lock"
flock 9
if [ ! -d "$suite" ]; then
  fresh="$(mktemp -d "$suite.XXXXXX")"
  trap 'rm -rf "$fresh"' EXIT
  "$python" -m pip install --quiet --disable-pip-version-check --target "$fresh" "autobahntestsuite==$version" >&2
  : >>"$fresh/zope/__init__.py" # pip does not create it for this namespace package
  mv -T "$fresh" "$suite"
fi
exec 9>&-

cat >"$out/spec.json" <<JSON
{"outdir": "$out", "servers": [{"agent": "edge", "url": "$url"}],
 "cases": $cases, "exclude-cases": [], "exclude-agent-cases": {}}
JSON
cd "$out"
# Low priority, because tests that run in parallel have deadlines.
PYTHONPATH="$suite" exec nice -n 5 "$python" "$suite/bin/wstest" -m fuzzingclient -s "$out/spec.json" >"$out/wstest.log" 2>&1
