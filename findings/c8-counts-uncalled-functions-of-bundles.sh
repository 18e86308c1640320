#!/usr/bin/env bash
# c8 reports the functions of a bundle that were never called as covered, if the bundle has several sources.
# `--exclude-after-remap`, which c8 needs to select the sources by name, then reports 100 % for all of them. The same
# modules, not bundled, are reported correctly.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module", "private": true }' > package.json
npm install --silent --no-audit --no-fund c8@12.0.0 esbuild@0.25.12 > /dev/null
mkdir src
cat > src/area.ts << 'END'
export function area(width: number, height: number): number {
  if (width < 0) {
    return 0
  }
  return width * height
}
END
cat > src/main.ts << 'END'
import { area } from './area.js'
export const known = [area]
console.log(known.length)
END

# The covered lines of src/area.ts, percent.
covered() {
  npx c8 report --temp-directory "$1" --exclude-after-remap --include 'src/**' --reporter json-summary --reports-dir "$1-report" > /dev/null
  node -p "Object.entries(JSON.parse(require('fs').readFileSync('$1-report/coverage-summary.json'))).find(([name]) => name.endsWith('area.ts'))[1].lines.pct"
}

npx esbuild src/main.ts --bundle --format=esm --platform=node --sourcemap --outfile=bundled/main.js --log-level=error
npx esbuild src/main.ts src/area.ts --format=esm --platform=node --sourcemap --outdir=separate --log-level=error
NODE_V8_COVERAGE=of-bundled node bundled/main.js > /dev/null
NODE_V8_COVERAGE=of-separate node separate/main.js > /dev/null
bundled=$(covered of-bundled)
separate=$(covered of-separate)

echo "node $(node --version), c8 12.0.0, esbuild 0.25.12"
echo "area() is never called. Lines of src/area.ts that c8 reports as covered: bundled $bundled %, not bundled $separate %"
stated=0
[[ $bundled == 100 && $separate != 100 ]] && stated=1
[[ ${INVERTED:-0} == 1 ]] && stated=$((1 - stated))
[[ $stated -eq 1 ]]
