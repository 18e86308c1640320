import type { Client } from '../../../client/index.ts'
import type { About } from '../about.ts'

export type Context = {
  readonly client: Client
  readonly about: About
  /** Navigates to a path of the console, such as `/report#id`. */
  readonly go: (path: string) => void
  /** The fragment of the URL, without `#`: ids, which browsers do not send to the server. */
  readonly fragment: string
}

/** One page. `close` releases cameras, sockets and timers. */
export type Page = {
  readonly title: string
  readonly element: HTMLElement
  readonly close?: () => void
}

export type OpenPage = (context: Context) => Page | Promise<Page>
