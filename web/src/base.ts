/** Base path of the console: `/console`, after the path at which a proxy publishes the server. */
export const BASE = /^.*\/console(?=\/)/.exec(new URL(import.meta.url).pathname)?.[0] ?? '/console'

/** Root URL of the server, without a trailing slash. */
export const SERVER = new URL(import.meta.url).origin + BASE.slice(0, -'/console'.length)
