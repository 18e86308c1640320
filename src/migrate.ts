// `node dist/migrate.js` is `maeum migrate`.
process.argv.splice(2, 0, 'migrate')
await import('./cli/main.ts')
