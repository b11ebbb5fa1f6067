#!/usr/bin/env bash
# autobahn.sh URL OUT CASES - run Autobahn's fuzzing client against an echo
# of WebSocket messages and leave its report in the directory OUT.
#
# CASES is a JSON array of case patterns such as ["1.*","9.1.1"]. The suite is
# Python 2.7 code: PYTHON27 names an interpreter, or pyenv and the PATH are
# searched. It is installed once, outside the tree.
# Exit code 77: there is no Python 2.7. Any other failure: the suite did not run.
# Whether the cases passed is for the caller to read in OUT/index.json.
set -euo pipefail
[ $# = 3 ] || { sed -n '2,9p' "${BASH_SOURCE[0]}"; exit 2; }
url="$1" out="$2" cases="$3"
version=25.10.1
suite="${XDG_CACHE_HOME:-$HOME/.cache}/huleedu-edge/autobahn-$version"

# works tells whether a program is a Python 2.7 that the suite can run on; a
# shim for a version that is not there is not.
works() { [ -n "$1" ] && [ -x "$1" ] && "$1" -c 'import sys, ssl; sys.exit(sys.version_info[:2] != (2, 7))' 2>/dev/null; }

python="${PYTHON27:-}"
if [ -z "$python" ]; then
  for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7 "$(command -v python2.7 || :)"; do
    if works "$candidate"; then python="$candidate"; break; fi
  done
fi
works "$python" || { echo 'there is no Python 2.7' >&2; exit 77; }

# One at a time installs, and the install becomes visible only when it is whole.
mkdir -p "$(dirname "$suite")"
exec 9>"$suite.lock"
flock 9
if [ ! -d "$suite" ]; then
  fresh="$(mktemp -d "$suite.XXXXXX")"
  trap 'rm -rf "$fresh"' EXIT
  "$python" -m pip install --quiet --disable-pip-version-check --target "$fresh" "autobahntestsuite==$version" >&2
  : >>"$fresh/zope/__init__.py" # pip leaves this package of packages without one
  mv -T "$fresh" "$suite"
fi
exec 9>&-

cat >"$out/spec.json" <<JSON
{"outdir": "$out", "servers": [{"agent": "edge", "url": "$url"}],
 "cases": $cases, "exclude-cases": [], "exclude-agent-cases": {}}
JSON
cd "$out"
# Patient, so that what runs beside it and has deadlines goes first.
PYTHONPATH="$suite" exec nice -n 5 "$python" "$suite/bin/wstest" -m fuzzingclient -s "$out/spec.json" >"$out/wstest.log" 2>&1
