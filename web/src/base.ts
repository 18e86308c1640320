/** Where the console is: `/console`, or below the path at which a proxy publishes the server. Built files lie below it. */
export const BASE = /^.*\/console(?=\/)/.exec(new URL(import.meta.url).pathname)?.[0] ?? '/console'

/** The server's own root, an address without a slash at its end. */
export const SERVER = new URL(import.meta.url).origin + BASE.slice(0, -'/console'.length)
