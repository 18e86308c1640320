/** Everything comes from here, and nothing is made of text: no inline script, no inline style, no eval. */
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
 * The page of the face model: its glue code is made with `new Function`, so it may, and may nothing else. The sandbox
 * takes its origin away, so that whatever runs there cannot reach the login of the page around it.
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
/** Files under these folders never change under their name. */
const HASHED = 'assets/'
/** What the page without an origin loads: public files, which it may read as a stranger. */
const ASKED_FROM_NOWHERE = ['assets/', 'face-mesh/']

const text = (policy: Readonly<Record<string, string>>) =>
  Object.entries(policy)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ')

const cacheFor = (path: string): string => {
  if (path.startsWith(HASHED)) return 'public, max-age=31536000, immutable'
  return path.endsWith('.html') ? 'no-cache' : 'public, max-age=3600'
}

/** Headers of one file of the console, by its path in the build. */
export function headersFor(path: string): Record<string, string> {
  const isForStrangers = ASKED_FROM_NOWHERE.some((folder) => path.startsWith(folder))
  return {
    'cache-control': cacheFor(path),
    'content-security-policy': text(path === FACE_PAGE ? ISOLATED : STRICT),
    'permissions-policy': path === FACE_PAGE ? 'camera=(), microphone=()' : 'camera=(self), microphone=()',
    ...(isForStrangers ? { 'access-control-allow-origin': '*' } : {}),
  }
}
