import type { Client } from '../../../client/index.ts'
import type { About } from '../about.ts'

export type Context = {
  readonly client: Client
  readonly about: About
  /** Goes to a place of the console, such as `/report#id`. */
  readonly go: (place: string) => void
  /** What stands after the `#` of the address: ids, which are nobody's business but the page's. */
  readonly fragment: string
}

/** One screen. `close` lets go of what lives: cameras, sockets, timers. */
export type Page = {
  readonly title: string
  readonly element: HTMLElement
  readonly close?: () => void
}

export type OpenPage = (context: Context) => Page | Promise<Page>
