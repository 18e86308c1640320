import type { App } from '../src/app.ts'
import { environmentExample } from '../src/config.ts'
import { ERROR_CODES, errorMessage, errorStatus } from '../src/errors.ts'

/** A generated document: its path from the project's root, and its whole text. */
export type RenderedDocument = { readonly path: string; readonly text: string }

/** Every document that is written from the code, as it should be on disk. `app` must be ready; it is only read. */
export const renderDocuments = (app: Pick<App, 'swagger'>): RenderedDocument[] => [
  { path: '.env.example', text: environmentExample() },
  { path: 'openapi.json', text: `${JSON.stringify(app.swagger(), null, 2)}\n` },
  { path: 'docs/errors.md', text: errorTable() },
]

const ERRORS_INTRODUCTION = `# Errors

Written by \`npm run docs\` from \`src/errors.ts\`; do not edit.

Every failed REST answer is \`{"success": false, "error": {"code", "message", "requestId", "details"?}}\`. Branch on
\`code\`, which is stable; show \`message\`, one sentence in Korean, or in English when \`Accept-Language\` prefers it. The
same codes stand in \`error\` frames of the WebSockets, where the status means nothing. \`429\`, and most of \`503\`, carry
\`Retry-After\`.

| Code | Status | Korean | English |
|---|---|---|---|
`

/** By status, and in the catalogue's order within one. */
function errorTable(): string {
  const rows = [...ERROR_CODES]
    .sort((a, b) => errorStatus(a) - errorStatus(b))
    .map(
      (code) =>
        `| \`${code}\` | ${errorStatus(code)} | ${errorMessage(code, 'ko')} | ${errorMessage(code, 'en')} |`,
    )
  return `${ERRORS_INTRODUCTION}${rows.join('\n')}\n`
}
