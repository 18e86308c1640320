import { existsSync } from 'node:fs'
import { stringify } from 'yaml'
import type { App } from '../src/app.ts'
import { renderEnvironmentExample } from '../src/config/config.ts'
import { ERROR_CODES, errorMessage, errorStatus } from '../src/protocol/errors.ts'
import { asyncApi } from '../src/live/channels/asyncapi.ts'
import { VERSION } from '../src/version.ts'
import { accuracyPage } from './accuracy/page.ts'
import { readReport } from './accuracy/report.ts'
import { cliPage } from './cli-page.ts'
import { measureDocuments } from './measures-page.ts'

/** A generated document: its path from the project root, and its text or a function that renders it. */
export type RenderedDocument = { readonly path: string } & (
  | { readonly text: string }
  | { readonly missing: string }
)

/** All generated documents with their current content. `app` must be ready; it is only read. */
export const renderDocuments = (app: Pick<App, 'swagger' | 'voice'>): RenderedDocument[] => [
  { path: '.env.example', text: renderEnvironmentExample() },
  { path: 'openapi.json', text: `${JSON.stringify(app.swagger(), null, 2)}\n` },
  { path: 'asyncapi.yaml', text: stringify(asyncApi(VERSION, app.voice.messages), YAML_STYLE) },
  { path: 'docs/errors.md', text: errorTable() },
  { path: 'docs/cli.md', text: cliPage() },
  ...measureDocuments(),
  accuracyDocument(),
]

/** Long lines are not wrapped, and YAML aliases are not used. */
const YAML_STYLE = { lineWidth: 0, aliasDuplicateObjects: false }

/** The last result of `npm run accuracy -- --write`; the data is outside the project. */
const ACCURACY_RESULT = new URL('../docs/accuracy.json', import.meta.url)

const accuracyDocument = (): RenderedDocument => ({
  path: 'docs/accuracy.md',
  ...(existsSync(ACCURACY_RESULT)
    ? { text: accuracyPage(readReport(ACCURACY_RESULT)) }
    : { missing: 'docs/accuracy.json, which `npm run accuracy -- --write` writes' }),
})

const ERRORS_INTRODUCTION = `# Errors

Written by \`npm run docs\` from \`src/protocol/errors.ts\`; do not edit.

Every failed REST response is \`{"success": false, "error": {"code", "message", "requestId", "details"?}}\`. Branch on
\`code\`, which is stable. Show \`message\`: one sentence in Korean, or in English if \`Accept-Language\` prefers it. The
\`error\` frames of the WebSockets use the same codes; the status does not apply there. \`429\` and most \`503\` responses
have \`Retry-After\`.

| Code | Status | Korean | English |
|---|---|---|---|
`

/** By status, then in the order of the catalogue. */
function errorTable(): string {
  const rows = [...ERROR_CODES]
    .sort((a, b) => errorStatus(a) - errorStatus(b))
    .map(
      (code) =>
        `| \`${code}\` | ${errorStatus(code)} | ${errorMessage(code, 'ko')} | ${errorMessage(code, 'en')} |`,
    )
  return `${ERRORS_INTRODUCTION}${rows.join('\n')}\n`
}
