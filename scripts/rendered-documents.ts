import { existsSync } from 'node:fs'
import { stringify } from 'yaml'
import type { App } from '../src/app.ts'
import { environmentExample } from '../src/config.ts'
import { ERROR_CODES, errorMessage, errorStatus } from '../src/errors.ts'
import { asyncApi } from '../src/features/channels/asyncapi.ts'
import { VERSION } from '../src/version.ts'
import { accuracyPage } from './accuracy/page.ts'
import { readReport } from './accuracy/report.ts'
import { measureDocuments } from './measures-page.ts'

/** A generated document: its path from the project's root, and its whole text, or what it takes to write it. */
export type RenderedDocument = { readonly path: string } & (
  | { readonly text: string }
  | { readonly missing: string }
)

/** Every document that is written from the code, as it should be on disk. `app` must be ready; it is only read. */
export const renderDocuments = (app: Pick<App, 'swagger' | 'voice'>): RenderedDocument[] => [
  { path: '.env.example', text: environmentExample() },
  { path: 'openapi.json', text: `${JSON.stringify(app.swagger(), null, 2)}\n` },
  { path: 'asyncapi.yaml', text: stringify(asyncApi(VERSION, app.voice.messages), YAML_STYLE) },
  { path: 'docs/errors.md', text: errorTable() },
  ...measureDocuments(),
  accuracyDocument(),
]

/** Long lines stay whole, and nothing is written as a reference to an earlier place. */
const YAML_STYLE = { lineWidth: 0, aliasDuplicateObjects: false }

/** What `npm run accuracy -- --write` found last; the data stays outside the project. */
const ACCURACY_RESULT = new URL('../docs/accuracy.json', import.meta.url)

const accuracyDocument = (): RenderedDocument => ({
  path: 'docs/accuracy.md',
  ...(existsSync(ACCURACY_RESULT)
    ? { text: accuracyPage(readReport(ACCURACY_RESULT)) }
    : { missing: 'docs/accuracy.json, which `npm run accuracy -- --write` writes' }),
})

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
