/** First path segments of this server. */
const ROOTS = new Set(['', 'api', 'ws', 'console', 'docs', 'metrics', 'health'])

/**
 * The URL without the path below which the server is published, for proxies that pass the URL on unchanged. Changes it
 * only if the rest is a path of this server: a proxy that strips the path may itself be published at `/api`.
 */
export function withoutBasePath(url: string, basePath: string): string {
  if (basePath === '' || !url.startsWith(basePath)) return url
  const [, root, rest] = /^\/([\w-]*)(.*)$/s.exec(url.slice(basePath.length)) ?? []
  return root !== undefined && ROOTS.has(root) ? `/${root}${rest ?? ''}` : url
}
