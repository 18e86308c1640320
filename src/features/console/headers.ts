/** Only files of this server: no inline script, no inline style, no eval. */
const STRICT = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'frame-src': "'self'",
  'manifest-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
}

/**
 * The page of the face model. Its glue code uses `new Function`, so `unsafe-eval` is allowed. The sandbox gives the
 * page an opaque origin, so its scripts cannot reach the login of the surrounding page.
 */
const ISOLATED = {
  'default-src': "'none'",
  'script-src': "'self' 'unsafe-eval'",
  'connect-src': "'self'",
  'img-src': 'blob: data:',
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'self'",
  sandbox: 'allow-scripts',
}

const FACE_PAGE = 'face.html'
/** Files in this folder have a hash in their name and never change. */
const HASHED_FOLDER = 'assets/'
/** Public files that the sandboxed page loads from its opaque origin. */
const CROSS_ORIGIN = ['assets/', 'face-mesh/']

const formatPolicy = (policy: Readonly<Record<string, string>>) =>
  Object.entries(policy)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ')

const cacheFor = (path: string): string => {
  if (path.startsWith(HASHED_FOLDER)) return 'public, max-age=31536000, immutable'
  return path.endsWith('.html') ? 'no-cache' : 'public, max-age=3600'
}

/** Headers of one file of the console, by its path in the build. */
export function headersFor(path: string): Record<string, string> {
  const isCrossOrigin = CROSS_ORIGIN.some((folder) => path.startsWith(folder))
  return {
    'cache-control': cacheFor(path),
    'content-security-policy': formatPolicy(path === FACE_PAGE ? ISOLATED : STRICT),
    'permissions-policy': path === FACE_PAGE ? 'camera=(), microphone=()' : 'camera=(self), microphone=()',
    ...(isCrossOrigin ? { 'access-control-allow-origin': '*' } : {}),
  }
}
