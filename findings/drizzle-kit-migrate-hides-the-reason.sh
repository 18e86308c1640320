#!/usr/bin/env bash
# drizzle-kit migrate ends with 1 and prints no reason when the database refuses the connection.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
echo '{"type":"module"}' > package.json
npm install --silent --no-audit --no-fund drizzle-kit@0.31.11 drizzle-orm@0.45.4 postgres@3.4.9
mkdir -p migrations/meta
echo 'create table example (id integer primary key);' > migrations/0000_example.sql
cat > migrations/meta/_journal.json <<'JSON'
{"version":"7","dialect":"postgresql","entries":[{"idx":0,"version":"7","when":1700000000000,"tag":"0000_example","breakpoints":true}]}
JSON
# A port that was free a moment ago: nothing listens there.
port=$(node -e "const s=require('node:net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})" --input-type=commonjs)
cat > drizzle.config.mjs <<JS
export default { dialect: 'postgresql', out: './migrations', dbCredentials: { url: 'postgres://user:password@127.0.0.1:$port/example' } }
JS
code=0
./node_modules/.bin/drizzle-kit migrate --config drizzle.config.mjs > printed.txt 2>&1 < /dev/null || code=$?
for name in drizzle-kit drizzle-orm postgres; do echo "$name $(node -p "JSON.parse(require('node:fs').readFileSync('node_modules/$name/package.json')).version" --input-type=commonjs)"; done
echo "drizzle-kit migrate with an address at which nothing listens: exit code $code. Everything that it prints:"
sed 's/\x1b\[[0-9;]*[A-Za-z]//g' printed.txt; echo
echo 'Neither ECONNREFUSED nor any other reason is named; the driver alone reports it:'
node --input-type=module -e "
import postgres from 'postgres'
const sql = postgres('postgres://user:password@127.0.0.1:$port/example', { max: 1, connect_timeout: 5 })
await sql\`select 1\`.catch((error) => console.log('postgres.js:', error.code))
await sql.end({ timeout: 0 })"
stated=0
[[ $code -eq 1 ]] && ! grep -qiE 'refused|ECONN|error|fail' printed.txt && stated=1
[[ ${INVERTED:-0} == 1 ]] && stated=$((1 - stated))
[[ $stated -eq 1 ]]
