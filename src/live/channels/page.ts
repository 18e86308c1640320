import { createHash } from 'node:crypto'
import { CHANNELS } from '../../domain/session.ts'
import type { AsyncApi, AsyncApiMessage } from './asyncapi.ts'

const STYLE = `:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:16px/1.55 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1.5rem}
h2{border-top:1px solid var(--line);padding-top:1.5rem;margin-top:2.5rem}
h4{margin:1.5rem 0 .25rem}h4 small{font-weight:400;opacity:.75;margin-left:.5rem}
pre{background:var(--soft);padding:.75rem;overflow:auto;border-radius:.4rem;font-size:.85rem}
pre.words{white-space:pre-wrap}code{font-family:ui-monospace,monospace}summary{cursor:pointer}`

/** What the page may load: nothing but its own style. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'`

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escape = (text: string) => text.replace(/[&<>"]/g, (letter) => ENTITIES[letter] ?? letter)
const json = (value: unknown) =>
  `<pre tabindex="0"><code>${escape(JSON.stringify(value, null, 2))}</code></pre>`

/** The sockets' document as a page for people: one section a channel, one example a message. Needs no script. */
export function asyncApiPage(document: AsyncApi): string {
  const { info, channels, components } = document
  const parts = CHANNELS.map((channel) => {
    const shown = (sender: 'server' | 'client') =>
      Object.entries(components.messages)
        .filter(([key]) => key.startsWith(`${channel}.${sender}.`))
        .map(([key, message]) => messagePart(key, message))
        .join('\n')
    return `<section aria-labelledby="${channel}"><h2 id="${channel}">${channel}</h2>
<p><code>${escape(channels[channel].address)}</code></p><p>${prose(channels[channel].description)}</p>
<h3>From the server</h3>${shown('server')}
<h3>From the client</h3>${shown('client')}</section>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escape(info.title)}: WebSockets</title><style>${STYLE}</style></head>
<body><main><h1>${escape(info.title)}: WebSockets</h1>
<p>${prose(info.description)}</p>
<p>Version ${escape(info.version)}. The same as a document: <a href="/docs/ws/json">AsyncAPI ${document.asyncapi}</a>.
The requests: <a href="/docs">OpenAPI</a>.</p>
<nav aria-label="Channels"><ul>${CHANNELS.map((name) => `<li><a href="#${name}">${name}</a></li>`).join('')}</ul></nav>
${parts.join('\n')}
</main></body></html>
`
}

/** Words with code in them. */
const prose = (text: string) => escape(text).replace(/`([^`]+)`/g, '<code>$1</code>')

function messagePart(key: string, message: AsyncApiMessage): string {
  const { title, summary = '', description, examples = [], payload } = message
  const protocol = message['x-protocol']
  return `<article><h4 id="${escape(key)}"><code>${escape(title)}</code>${protocol === undefined ? '' : ` <small>${escape(protocol)}</small>`}</h4>
<p>${prose(summary)}</p>${description === undefined ? '' : `<pre class="words" tabindex="0">${escape(description)}</pre>`}
${examples.map((example) => json(example.payload)).join('')}
<details><summary>Schema of <code>${escape(title)}</code></summary>${json(payload)}</details></article>`
}
