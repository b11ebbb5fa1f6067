#!/usr/bin/env bash
# schemathesis.sh BASE TOKEN REPORT - test the API at the URL BASE with schemathesis and TOKEN,
# and write the JSON report to the file REPORT.
#
# MAX_EXAMPLES is the number of generated requests for each operation and phase; the default is 25.
# PYTHON3 is the interpreter, 3.10 or later; the default is python3. The tool is
# installed once, outside the source tree.
# Exit code 77: no such Python, or pip cannot install the tool.
# 1: the tool has found failures.
set -euo pipefail
[ $# = 3 ] || { sed -n '2,9p' "${BASH_SOURCE[0]}"; exit 2; }
base="$1" token="$2" report="$3"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
wanted="$here/requirements.txt"
tool="${XDG_CACHE_HOME:-$HOME/.cache}/huleedu-edge/schemathesis-$(cksum <"$wanted" | cut -d ' ' -f 1)"

if [ ! -e "$tool/whole" ]; then
  python="${PYTHON3:-python3}"
  "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    { echo 'Python 3.10 with pip and venv is not installed' >&2; exit 77; }
  # A venv cannot be moved, so a file marks a complete installation.
  mkdir -p "$tool"
  exec 9>"$tool.lock"
  flock 9
  if [ ! -e "$tool/whole" ]; then
    "$python" -m venv --clear "$tool" >&2
    "$tool/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted" >&2 ||
      { echo 'pip cannot install schemathesis' >&2; exit 77; }
    : >"$tool/whole"
  fi
  exec 9>&-
fi

# Without a filter the tool omits the operation that serves the document.
cd "$(dirname "$report")" # it writes files into the working directory
exec "$tool/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$base/openapi.json" \
  --include-path-regex . --checks all --seed 1 --max-examples "${MAX_EXAMPLES:-25}" --request-timeout 20 --no-color \
  --header "Authorization: Bearer $token" \
  --report json --report-json-path "$report"
