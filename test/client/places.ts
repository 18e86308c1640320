import type { Test } from 'tap'
import type { SessionEvents, SessionOptions } from '../../client/index.ts'
import { eventually } from '../helpers/eventually.ts'
import { visit } from '../web/browser.ts'
import { bundle } from './bundled.ts'
import { clientOf, EVENTS, FACE, film, type Script, startFake, type Told, watch } from './kit.ts'

/** A session with this server, before a camera, and all that it tells. */
export type Open = (
  t: Test,
  script: Script,
  options?: SessionOptions,
) => Promise<{ readonly fake: Awaited<ReturnType<typeof startFake>>; readonly seen: Seen }>
export type Seen = ReturnType<typeof createSeen>

const LANDMARKS: SessionOptions = { channels: ['landmarks'] }

function createSeen(look: () => readonly Told[] | Promise<readonly Told[]>) {
  const all = async <Type extends keyof SessionEvents>(type: Type) =>
    (await look()).flatMap((one) => (one.type === type ? [one.event as SessionEvents[Type]] : [])) // its own event
  return {
    all,
    /** What it has told of this, once that has happened at least `count` times. */
    has: <Type extends keyof SessionEvents>(type: Type, count = 1): Promise<SessionEvents[Type][]> =>
      eventually(
        () => all(type),
        (events) => events.length >= count,
      ),
  }
}

export const inNode: Open = async (t, script, options) => {
  const fake = await startFake(t, script)
  const session = await clientOf(fake.origin).startSession({ ...LANDMARKS, ...options })
  const { told } = watch(t, session)
  film(t, session)
  return { fake, seen: createSeen(() => told) }
}

export const inChromium: Open = async (t, script, options) => {
  const { code } = await bundle({ minify: false, format: 'iife' })
  const html = `<!doctype html><meta charset="utf-8"><script>${code.replaceAll('</script', '<\\/script')}</script>`
  const fake = await startFake(t, { ...script, page: html })
  const { page } = await visit(t, { origin: fake.origin })
  page.on('pageerror', (error) => t.fail(error.message))
  await page.goto('/')
  await page.evaluate(`(async () => {
    const session = await maeum.createClient().startSession(${JSON.stringify({ ...LANDMARKS, ...options })})
    const told = (window.told = [])
    for (const type of ${JSON.stringify(EVENTS)}) session.on(type, (event) => told.push({ type, event }))
    const face = ${JSON.stringify(FACE)}
    setInterval(() => session.push(face, { width: 640, height: 480 }), 50)
  })()`)
  return { fake, seen: createSeen(() => page.evaluate<Told[]>('told')) }
}
