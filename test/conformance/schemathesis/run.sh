#!/usr/bin/env bash
# run.sh BASE TOKEN REPORT - let schemathesis try the API at the URL BASE as the
# holder of TOKEN, and leave its report, JSON, in the file REPORT.
#
# PYTHON3 names an interpreter, 3.10 or later; otherwise python3 is taken. The
# tool is installed once, outside the tree.
# Exit code 77: there is no such Python, or pip does not get what is
# needed. 1: there are findings.
set -euo pipefail
[ $# = 3 ] || { sed -n '2,8p' "${BASH_SOURCE[0]}"; exit 2; }
base="$1" token="$2" report="$3"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
wanted="$here/requirements.txt"
tool="${XDG_CACHE_HOME:-$HOME/.cache}/huleedu-edge/schemathesis-$(cksum <"$wanted" | cut -d ' ' -f 1)"

if [ ! -e "$tool/whole" ]; then
  python="${PYTHON3:-python3}"
  "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    { echo 'there is no Python 3.10 with pip and venv' >&2; exit 77; }
  # A venv cannot be moved: the mark makes it count only when it is whole.
  mkdir -p "$tool"
  exec 9>"$tool.lock"
  flock 9
  if [ ! -e "$tool/whole" ]; then
    "$python" -m venv --clear "$tool" >&2
    "$tool/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted" >&2 ||
      { echo 'pip cannot install it' >&2; exit 77; }
    : >"$tool/whole"
  fi
  exec 9>&-
fi

# Without a filter the tool leaves out the operation that serves the document.
cd "$(dirname "$report")" # it leaves its own things where it stands
exec "$tool/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$base/openapi.json" \
  --include-path-regex . --checks all --seed 1 --max-examples 25 --request-timeout 20 --no-color \
  --header "Authorization: Bearer $token" \
  --report json --report-json-path "$report"
