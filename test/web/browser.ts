import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AxeResults } from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import root, { type Test } from 'tap'
import type { Emotion } from '../../src/domain/emotion.ts'

type Scope = Pick<Test, 'teardown'>

export const CHROMIUM = '/usr/bin/chromium'
/** Why browser tests cannot run here, loudly; false when they can. */
export const skip =
  !existsSync(CHROMIUM) && `!!! ${CHROMIUM} is not here: console and client are NOT TESTED IN A BROWSER`

/** A busy machine takes its time; nothing here is a measurement. */
export const PATIENCE_MS = 120_000

const FIXTURES = new URL('../fixtures/', import.meta.url)
const FLAGS = [
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export type Visitor = {
  readonly page: Page
  /** What a visitor should never cause: errors of scripts and policies, requests that leave the server. */
  readonly faults: string[]
}

type Visit = BrowserContextOptions & {
  readonly origin: string
  /** A file for the fake camera. */
  readonly camera?: string
  /** No camera may be used at all. */
  readonly blind?: boolean
}

/** What younger browsers have and the oldest that the console knows lack (docs/console.md): nothing may need it. */
const YOUNGER = `(() => {
  delete Promise.withResolvers
  delete Promise.try
  delete AbortSignal.any
  delete Array.fromAsync
  delete Object.groupBy
  delete Map.groupBy
})()`

const launch = (...flags: readonly string[]): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: false, args: [...FLAGS, ...flags] })

/** Starting one takes seconds on a busy machine, and its contexts know nothing of each other. */
let shared: Promise<Browser> | undefined
function sharedBrowser(): Promise<Browser> {
  if (shared === undefined) {
    const launched = launch()
    root.teardown(async () => (await launched).close())
    shared = launched
  }
  return shared
}

/** A film is for one browser alone. */
async function browserBefore(t: Scope, camera: string): Promise<Browser> {
  const browser = await launch(`--use-file-for-fake-video-capture=${camera}`)
  t.teardown(() => browser.close())
  return browser
}

/** Somebody with storage and a login of their own, watched. */
export async function visit(t: Scope, { origin, camera, blind, ...options }: Visit): Promise<Visitor> {
  const browser = await (camera === undefined ? sharedBrowser() : browserBefore(t, camera))
  const context = await browser.newContext({
    baseURL: origin,
    locale: 'en-GB',
    permissions: blind === true ? [] : ['camera'],
    acceptDownloads: true,
    ...options,
  })
  t.teardown(() => context.close())
  context.setDefaultTimeout(PATIENCE_MS)
  await context.addInitScript(YOUNGER)
  const page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()} ${message.location().url}`)
  })
  context.on('request', (request) => {
    const url = new URL(request.url())
    if (/^(https?|wss?):$/.test(url.protocol) && url.host !== new URL(origin).host)
      faults.push(`away: ${url.href}`)
  })
  return { page, faults }
}

/** A new account, by the doors that a person goes through, in English. */
export async function signUp(page: Page, at = '/'): Promise<void> {
  const name = randomBytes(6).toString('hex')
  await page.goto(at)
  await page.getByRole('link', { name: 'New here? Sign up' }).click()
  await page.getByLabel('Name').fill(`하늘 ${name}`)
  await page.getByLabel('E-mail').fill(`${name}@example.com`)
  await page.getByLabel('Password').fill('password123')
  await page.getByRole('button', { name: 'Sign up' }).click()
  await page.getByRole('button', { name: 'I have read this and agree' }).click()
  await page.getByRole('heading', { name: /^Hello/ }).waitFor()
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** What a person with a screen reader or poor sight would stumble over, a line each. */
export async function barriers(page: Page): Promise<string[]> {
  // Evaluated by the debugger, which no policy of the page forbids.
  await page.evaluate(await readFile(AXE, 'utf8'))
  const { violations } = await page.evaluate<AxeResults>(
    `axe.run(document, { runOnly: ${JSON.stringify(RULES)}, iframes: false })`,
  )
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, any }) => `${id}: ${html} ${any[0]?.message ?? ''}`),
  )
}

type Film = { readonly segments: readonly { readonly label: Emotion; readonly pictures: number }[] }

/** Chromium plays a file of JPEG pictures at thirty a second, over and over. */
const FILM_FPS = 30

/**
 * A film for the fake camera: the synthetic head (geometry from ICT-FaceKit, MIT) showing `labels` for `seconds` each,
 * its pictures held as long as it takes. Each carries a grey square that says what it shows (`labelAt`).
 */
export async function film(t: Scope, labels: readonly Emotion[], seconds: number): Promise<string> {
  const pictures = picturesIn(await readFile(new URL('face.mjpeg', FIXTURES)))
  const { segments } = JSON.parse(await readFile(new URL('face.json', FIXTURES), 'utf8')) as Film
  const held: Buffer[] = []
  for (const label of labels) {
    const at = segments.findIndex((segment) => segment.label === label)
    const first = segments.slice(0, at).reduce((sum, { pictures: count }) => sum + count, 0)
    const own = pictures.slice(first, first + (segments[at]?.pictures ?? 0))
    for (let n = 0; n < seconds * FILM_FPS; n++) {
      const picture = own[Math.floor((n * own.length) / (seconds * FILM_FPS))]
      if (picture !== undefined) held.push(picture)
    }
  }
  const folder = await mkdtemp(join(tmpdir(), 'maeum-film-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'face.mjpeg')
  await writeFile(path, Buffer.concat(held))
  return path
}

const START_OF_IMAGE = Buffer.from([0xff, 0xd8, 0xff])

function picturesIn(bytes: Buffer): Buffer[] {
  const pictures: Buffer[] = []
  for (let from = 0; from >= 0; ) {
    const next = bytes.indexOf(START_OF_IMAGE, from + 1)
    pictures.push(bytes.subarray(from, next < 0 ? undefined : next))
    from = next
  }
  return pictures
}
