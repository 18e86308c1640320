import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t from 'tap'
import { bearer, connect } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'
import { startProcess, temporaryFolder } from '../helpers/server-process.ts'

t.setTimeout(10 * 60_000)

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const git = (...args: readonly string[]): string =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()

/** The commit before the newest migration; undefined in a tree without its history. */
function findPrevious(): string | undefined {
  try {
    return git('rev-parse', `${git('log', '-1', '--diff-filter=A', '--format=%H', '--', 'drizzle/*.sql')}^`)
  } catch {
    return undefined
  }
}

const previous = findPrevious()
const skip =
  previous === undefined && '!!! no git history here: the previous version on the new schema is NOT TESTED'

t.test('the version before the newest migration works on the migrated database', { skip }, async (t) => {
  const folder = await temporaryFolder(t)
  const archive = join(folder, 'previous.tar')
  git('archive', '--output', archive, String(previous), 'src', 'drizzle', 'package.json', 'tsconfig.json')
  execFileSync('tar', ['-xf', archive, '-C', folder])
  for (const name of ['node_modules', 'dist']) symlinkSync(join(ROOT, name), join(folder, name))
  const tsx = pathToFileURL(join(ROOT, 'node_modules/tsx/dist/esm/index.mjs')).href

  const database = await createTestDatabase(t)
  const server = startProcess(
    t,
    folder,
    {
      HOST: '127.0.0.1',
      DATABASE_URL: database.url,
      JWT_SECRET: 'a secret for tests, of more than 32 characters',
      ANALYSIS_INTERVAL_MS: '2000',
    },
    ['--import', tsx, join(folder, 'src/main.ts')],
  )
  const origin = `http://127.0.0.1:${await server.listening()}`
  const warning = /migrations that this one does not know|newer version/i
  t.match(
    await eventually(
      () => server.output.stdout,
      (text) => warning.test(text),
    ),
    warning,
  )

  let token = ''
  const call = async (method: string, path: string, body?: object) => {
    const answer = await fetch(`${origin}${path}`, {
      method,
      headers: {
        ...(token === '' ? {} : bearer(token)),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return (JSON.parse(text) as { data: Record<string, unknown> }).data // our own server's envelope
  }
  const account = { username: 'haneul', email: 'haneul@example.com', password: 'three small boats' }
  token = String((await call('POST', '/api/auth/signup', account))['accessToken'])
  const id = String((await call('POST', '/api/session/start', {}))['sessionId'])
  const socket = await connect(t, `${origin.replace('http', 'ws')}/ws/landmarks/${id}`)
  for (const frame of frames('happy', 12)) socket.send(frame)
  t.match((await socket.next('emotion_update')).data, { emotion: 'happy' })
  await call('POST', `/api/session/${id}/end`)
  const report = await eventually(
    () => call('GET', `/api/session/${id}/report`),
    ({ reportId }) => typeof reportId === 'string',
  )
  t.match(report, { metadata: { status: 'ended' } })
  t.equal((await fetch(`${origin}/api/health/ready`)).status, 200)
})
