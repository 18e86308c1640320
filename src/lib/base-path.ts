/** What the addresses of this server begin with. */
const ROOTS = new Set(['', 'api', 'ws', 'console', 'docs', 'metrics', 'health'])

/**
 * The address without the path below which the server is published, for proxies that pass it on as the browser sent it.
 * Only what is one of ours without the path is changed: a proxy that takes the path away may be published at `/api`.
 */
export function withoutBasePath(url: string, basePath: string): string {
  if (basePath === '' || !url.startsWith(basePath)) return url
  const [, root, rest] = /^\/([\w-]*)(.*)$/s.exec(url.slice(basePath.length)) ?? []
  return root !== undefined && ROOTS.has(root) ? `/${root}${rest ?? ''}` : url
}
