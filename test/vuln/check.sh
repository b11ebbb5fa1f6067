#!/usr/bin/env bash
# Looks for known vulnerabilities in what the module and its tests are made of.
# The database is, in this order: the directory VULN_DB, a copy of vuln.go.dev;
# vuln.go.dev itself, if it answers; the few entries in test/vuln/database, which
# find only what was known about our dependencies when they were written. They are
# written by hand from public reports: the numbers and the fixed versions are those
# of the Go vulnerability database, the dates are not.
#
#   test/vuln/check.sh GOVULNCHECK [PACKAGE...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=$1
shift
[ $# -gt 0 ] || set -- ./...

online=https://vuln.go.dev
kept=$PWD/test/vuln/database
if [ -n "${VULN_DB:-}" ]; then
  [ -f "$VULN_DB/index/modules.json" ] || { echo "ERROR: VULN_DB=$VULN_DB is no vulnerability database" >&2; exit 1; }
  database=file://$(realpath "$VULN_DB")
elif command -v curl >/dev/null && curl -fsS -m 10 -o /dev/null "$online/index/db.json" 2>/dev/null; then
  database=$online
else
  database=file://$kept
  echo "** REDUCED: $online does not answer and VULN_DB is not set" >&2
  echo "** REDUCED: only the $(find "$kept/ID" -name '*.json' | wc -l) vulnerabilities in test/vuln/database are looked for" >&2
fi
echo "vulnerability database: $database"
"$program" -db "$database" -test "$@"
