#!/usr/bin/env bash
# generate.sh OPENAPI_JSON DIR - lint the document OPENAPI_JSON, generate TypeScript types
# (DIR/types.ts) and a client (DIR/client) from it, and compile DIR/*.ts.
#
# Exit code 77: Node 20 with npm, Java or Maven is not installed.
# 1: a tool reports an error.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,7p' "${BASH_SOURCE[0]}"; exit 2; }
document="$(realpath "$1")" out="$(realpath "$2")"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
for program in java mvn; do
  command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 77; }
done
packages="$("$here/../node.sh")"
generator="${XDG_CACHE_HOME:-$HOME/.cache}/huleedu-edge/openapi-generator-$(cksum <"$here/pom.xml" | cut -d ' ' -f 1)"

if [ ! -e "$generator/whole" ]; then
  mkdir -p "$generator"
  exec 9>"$generator.lock"
  flock 9
  if [ ! -e "$generator/whole" ]; then
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DexcludeTransitive=true \
      -Dmdep.stripVersion=true -DoutputDirectory="$generator" >&2 </dev/null
    : >"$generator/whole"
  fi
  exec 9>&-
fi

echo '== redocly'
node "$packages/@redocly/cli/bin/cli.js" lint "$document"
echo '== openapi-typescript'
node "$packages/openapi-typescript/bin/cli.js" "$document" -o "$out/types.ts"
echo '== openapi-generator'
java -jar "$generator/openapi-generator-cli.jar" generate -g typescript-fetch -i "$document" -o "$out/client" |
  { grep -v 'writing file' || :; }
echo '== tsc'
node "$packages/typescript/bin/tsc" --noEmit --strict --target es2022 --module esnext \
  --moduleResolution bundler --lib es2022,dom "$out"/*.ts
