import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import t from 'tap'
import { EMOTIONS, type Emotion } from '../../src/domain/emotion.ts'
import { startTestApp } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { barriers, film, PATIENCE_MS, signUp, skip, visit } from './browser.ts'

t.setTimeout(15 * 60_000)

const LARGEST_FIRST_LOAD = 150 * 1024
const SHORT_WINDOWS = { ANALYSIS_INTERVAL_MS: '4000', ANALYSIS_DEADLINE_MS: '3000' }

const begin = (page: Page) =>
  page.getByRole('button', { name: 'Start the session' }).and(page.locator(':not([aria-disabled])')).click()

const answered = (page: Page, window: number) =>
  page.locator(`.windows [data-window="${window}"]`).waitFor({ state: 'attached' })

const shownEmotions = (page: Page) =>
  page
    .locator('.windows [data-emotion]')
    .evaluateAll((all) =>
      all.map((one) => [Number(one.getAttribute('data-window')), one.getAttribute('data-emotion')] as const),
    )

async function pdfOf(page: Page): Promise<string> {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download PDF' }).click(),
  ])
  const { length, start } = await readFile(await file.path()).then((bytes) => ({
    length: bytes.length,
    start: bytes.toString('latin1', 0, 5),
  }))
  return `${start} ${length > 5000} ${file.suggestedFilename().replace(/\d{4}-\d\d-\d\d/, 'day')}`
}

t.test(
  'without a camera the recording shows everything, from the door to the report',
  { skip },
  async (t) => {
    const { origin } = await startTestApp(t, { env: SHORT_WINDOWS })
    const { page, faults } = await visit(t, { origin, blind: true })
    await signUp(page)
    await page.getByRole('link', { name: 'Play the demo recording' }).click()
    await begin(page)
    await answered(page, 2)

    t.comment('paused, nothing is read; resumed, it goes on; a reload comes back to the session')
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    await page.reload()
    await page.getByText('Connected').waitFor()
    await answered(page, 2)

    t.comment('the counsellor answers')
    await page.getByText('Talk to the AI counsellor').click()
    await page.getByLabel('Write what is on your mind').fill('발표를 망칠까 봐 너무 불안해요')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.locator('.messages .theirs p', { hasText: /.{10}/ }).waitFor()

    t.comment('every confident window says what was played; a paused one may be missing')
    await answered(page, 5)
    const played: readonly Emotion[] = [
      'happy',
      'sad',
      'angry',
      'surprised',
      'fearful',
      'disgusted',
      'anxious',
    ]
    const shown = new Map(await shownEmotions(page))
    t.same([shown.get(1), shown.get(4)], [played[0], played[3]])

    await page.getByRole('button', { name: 'End', exact: true }).click()
    await page.locator('.lead', { hasText: 'Most frequent expression' }).waitFor()
    t.equal(await pdfOf(page), '%PDF- true maeum-day-report.pdf')
    await page.getByLabel('5 out of 5').check()
    await page.locator('.feedback').getByRole('button', { name: 'Send' }).click()
    await page.getByText('Thank you.').waitFor()
    t.notMatch(
      await page.evaluate('location.href.split("#")[0]'),
      /sess_/,
      'an id is nobody’s business but the page’s',
    )
    t.same(faults, [], 'no errors, no policy broken, nothing left the server’s origin')
  },
)

/** Fewer faces are no window to judge by. */
const FEWEST_FACES = 3

/**
 * Notes for each face on its way to the server the grey square of its very picture, which says what it shows, and for
 * each window how many faces had been sent when its end was announced, and what was read in it.
 */
const WITNESS = `(() => {
  const seen = (window.__seen = { greys: [], ends: [], read: [] })
  const pen = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true })
  let grey
  const create = window.createImageBitmap
  window.createImageBitmap = async (video) => {
    const picture = await create.call(window, video)
    pen.drawImage(picture, 12, picture.height - 20, 8, 8, 0, 0, 1, 1)
    grey = pen.getImageData(0, 0, 1, 1).data[0]
    return picture
  }
  window.WebSocket = class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols)
      this.addEventListener('message', (event) => {
        const { type, data } = JSON.parse(event.data)
        if (type === 'analysis_started') seen.ends.push({ window: data.window, sent: seen.greys.length })
        if (type === 'emotion_update') seen.read.push(data)
      })
    }
    send(data) {
      if (data instanceof ArrayBuffer) seen.greys.push(grey)
      super.send(data)
    }
  }
})()`
/** The contexts that the face model computes with, within its frame. */
const GRAPHICS = `(() => {
  const graphics = (window.__graphics = [])
  for (const { prototype } of [HTMLCanvasElement, OffscreenCanvas]) {
    const getContext = prototype.getContext
    prototype.getContext = function (...wanted) {
      const context = getContext.apply(this, wanted)
      if (context?.getExtension !== undefined) graphics.push(context)
      return context
    }
  }
})()`

type Seen = {
  readonly greys: readonly number[]
  readonly ends: readonly { readonly window: number; readonly sent: number }[]
  readonly read: readonly {
    readonly window: number
    readonly emotion: Emotion
    readonly frameCount: number
  }[]
}
const labelAt = (grey: number) => EMOTIONS[Math.round((grey - 16) / 32)]

/**
 * What was shown and what was read, of each window whose faces all showed one expression. Which of them arrived in time
 * for the window and which for the one before, only the server knows: those of both must be the same.
 */
const pairsOf = ({ greys, ends, read }: Seen) =>
  read.flatMap(({ window, emotion, frameCount }) => {
    const sentUntil = (last: number) => ends.findLast((end) => end.window <= last)?.sent ?? 0
    const shown = new Set(greys.slice(sentUntil(window - 2), sentUntil(window)).map(labelAt))
    const [only] = shown
    return shown.size === 1 && only !== undefined && frameCount >= FEWEST_FACES
      ? [{ shown: only, read: emotion }]
      : []
  })

t.test('with a camera the shown expressions are those that the camera saw', { skip }, async (t) => {
  const { origin } = await startTestApp(t, { env: SHORT_WINDOWS })
  // A scene holds two whole windows, however they lie: on a busy machine the face model finds a face a second.
  const camera = await film(t, ['happy', 'surprised'], 13)
  const { page, faults } = await visit(t, { origin, camera })
  await page.addInitScript(WITNESS)
  await page.addInitScript(GRAPHICS)
  await signUp(page)
  await page.getByRole('link', { name: 'Start with the camera' }).click()
  await page.locator('.checks .good', { hasText: 'found' }).waitFor()
  await begin(page)

  const look = async () => pairsOf(await page.evaluate<Seen>('__seen'))
  const deadline = Date.now() + 3 * PATIENCE_MS
  let pairs = await look()
  while (new Set(pairs.map(({ shown }) => shown)).size < 2 && Date.now() < deadline) {
    await page.waitForTimeout(1000)
    pairs = await look()
  }
  t.same([...new Set(pairs.map(({ shown }) => shown))].sort(), ['happy', 'surprised'])
  for (const { shown, read } of pairs) t.equal(read, shown)

  t.comment('graphics that are lost, as after a sleep, are had again, and faces with them')
  await page.evaluate("document.querySelector('iframe').dataset.lost = ''")
  await page
    .frames()
    .find((frame) => frame.url().endsWith('/face.html'))
    ?.evaluate("for (const one of __graphics) one.getExtension('WEBGL_lose_context')?.loseContext()")
  await page.locator('iframe:not([data-lost])').waitFor({ state: 'attached' })
  const sent = () => page.evaluate<number>('__seen.greys.length')
  const before = await sent()
  await eventually(sent, (count) => count > before)

  await page.getByRole('button', { name: 'End', exact: true }).click()
  await page.locator('.lead', { hasText: 'Most frequent expression' }).waitFor()
  t.equal(await pdfOf(page), '%PDF- true maeum-day-report.pdf')
  t.same(faults, [])
})

t.test('no screen has a barrier, on a desk or in a hand, by day or by night', { skip }, async (t) => {
  const { origin } = await startTestApp(t, { env: { ...SHORT_WINDOWS, METRICS_TOKEN: 'operator' } })
  const { page, faults } = await visit(t, { origin, blind: true })
  const sizes = [
    { width: 1280, height: 860 },
    { width: 375, height: 740 },
  ]

  const inspect = async (name: string) => {
    for (const viewport of sizes) {
      await page.setViewportSize(viewport)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        const where = `${name}, ${viewport.width}, ${colorScheme}`
        t.same(await barriers(page), [], where)
        const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
        t.ok(Number(overflow) <= 0, `${where}: nothing sticks out`)
      }
    }
    if (process.env['SCREENSHOTS'] !== undefined) await shoot(name)
  }
  const shoot = async (name: string) => {
    for (const viewport of sizes)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.setViewportSize(viewport)
        await page.emulateMedia({ colorScheme })
        await page.waitForTimeout(400)
        await page.screenshot({
          path: `${process.env['SCREENSHOTS']}/${name}-${viewport.width}-${colorScheme}.png`,
          fullPage: true,
        })
      }
  }

  await page.goto('/console/login')
  await page.getByRole('heading', { name: 'Log in' }).waitFor()
  await inspect('login')
  await page.goto('/console/nowhere')
  await page.getByRole('heading', { name: 'Page not found' }).waitFor()
  await inspect('not-found')
  await page.goto('/console/operate')
  await page.getByLabel('METRICS_TOKEN').fill('operator')
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByText('Lost windows').waitFor()
  await inspect('operate')
  t.match(await page.locator('.figures').innerText(), /Lost windows\s+0/)
  const findings = await page.locator('.findings').innerText()
  t.match(findings, /database\s+no fault\s+OK/)
  t.match(findings, /configuration\.protections\s+.*encryption/i)

  await signUp(page)
  await inspect('home-empty')
  await page.goto('/console/consent')
  await page.getByRole('heading', { name: 'Before you begin' }).waitFor()
  await inspect('consent')
  await page.goto('/console/session#recording')
  await page.locator('.checks .good', { hasText: 'found' }).waitFor()
  await inspect('check')
  await begin(page)
  await answered(page, process.env['SCREENSHOTS'] === undefined ? 1 : 6)
  await inspect('live')
  await page.getByRole('button', { name: 'End', exact: true }).click()
  await page.locator('.lead', { hasText: 'Most frequent expression' }).waitFor()
  await page.locator('.chart canvas').waitFor()
  await inspect('report')
  await page.goto('/console/')
  await page.getByText('Today', { exact: true }).waitFor()
  await inspect('home')
  await page.goto('/console/history')
  await page.getByRole('heading', { name: 'History' }).waitFor()
  await inspect('history')
  await page.goto('/console/settings')
  await page.getByRole('heading', { name: 'Settings' }).waitFor()
  await inspect('settings')

  t.comment('in Korean, by keyboard alone')
  await page.getByRole('button', { name: '한국어' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: '설정' }).waitFor()
  t.equal(await page.evaluate('document.documentElement.lang'), 'ko')
  await inspect('settings-ko')
  await page.goto('/console/operate')
  await page.getByText('분당 구간').first().waitFor()
  await inspect('operate-ko')
  // The wrong token that was never sent, and a page that is none, are refusals that a browser also reports.
  t.same(
    faults.filter((fault) => !/401.*\/metrics/.test(fault)),
    [],
  )
})

t.test('a person takes their data along, and leaves nothing behind', { skip }, async (t) => {
  const { origin, database } = await startTestApp(t, { env: SHORT_WINDOWS })
  const { page, faults } = await visit(t, { origin, blind: true })
  await signUp(page)
  await page.getByRole('link', { name: 'Settings' }).click()
  await page.getByLabel('Text size').selectOption('lg')
  await page.getByText('Saved.').waitFor()
  await page.reload()
  t.equal(await page.getByLabel('Text size').inputValue(), 'lg')
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download my data' }).click(),
  ])
  const taken = await readFile(await file.path(), 'utf8')
  t.doesNotThrow(() => JSON.parse(taken), 'it is JSON')
  t.match(taken, /@example\.com/)
  await page.getByLabel('Current password').fill('password123')
  await page.getByLabel('New password').fill('three small boats')
  await page.keyboard.press('Enter')
  await page.getByText('Your password has been changed.').waitFor()
  await page.getByRole('button', { name: 'Delete my account' }).click()
  await page.getByRole('dialog').getByLabel('Password').fill('three small boats')
  await page.getByRole('button', { name: 'Delete permanently' }).click()
  await page.getByRole('heading', { name: 'Sign up' }).waitFor()
  const [row] = await database.sql`select count(*)::int as people from users`
  t.equal(row?.['people'], 0)
  t.same(faults, [])
})

t.test('the first load is small', async (t) => {
  const { origin } = await startTestApp(t)
  const text = async (path: string) => (await fetch(new URL(path, `${origin}/console/`))).text()
  const seen = new Set<string>()
  const load = async (path: string): Promise<number> => {
    if (seen.has(path)) return 0
    seen.add(path)
    const body = await text(path)
    // What it names is loaded too: all of the screens, since a visit may go through them.
    const named = [...body.matchAll(/(?:\/console\/|\.\/|")(assets\/)?([\w.-]+-[\w-]{8}\.(?:js|css))/g)]
    let sum = gzipSync(body).length
    for (const [, , name = ''] of named) sum += await load(`assets/${name}`)
    return sum
  }
  const bytes = await load('index.html')
  t.ok(seen.size > 5, `${seen.size} files were found`)
  t.ok(bytes <= LARGEST_FIRST_LOAD, `${bytes} bytes gzipped, every screen included`)
})
