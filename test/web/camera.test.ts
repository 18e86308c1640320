import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { startTestApp } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { faces } from '../helpers/frames.ts'
import { signUp, skip, visit } from './browser.ts'

const [FACE = []] = faces('happy', 1)

/** In the place of the face model, which is tried elsewhere: it finds the same face in every picture. */
const FACE_PAGE = `<!doctype html><script>
  const points = new Float32Array(${JSON.stringify(FACE.flatMap(({ x, y, z }) => [x, y, z]))})
  let isLost = false
  onmessage = ({ data }) => {
    if (data === 'lose') isLost = true
    else parent.postMessage(isLost ? { kind: 'lost' } : { kind: 'points', points }, '*')
  }
  parent.postMessage({ kind: 'ready' }, '*')
</script>`

/** Cameras of the page's own: \`refusal\` says how the next request is refused, \`moves\` whether the picture changes. */
const CAMERAS = `(() => {
  const field = (window.__field = { moves: true, asked: [], taken: 0, sent: 0 })
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 })
  const pen = canvas.getContext('2d')
  let n = 0
  setInterval(() => {
    if (!field.moves) return
    pen.fillStyle = 'hsl(' + (n++ % 360) + ' 50% 50%)'
    pen.fillRect(0, 0, 640, 480)
  }, 30)
  field.devices = {
    enumerateDevices: async () => ['one', 'two'].map((deviceId) => ({ kind: 'videoinput', deviceId, label: deviceId })),
    getUserMedia: async ({ video }) => {
      field.asked.push(video)
      const refusal = field.refusal?.(video)
      if (refusal !== undefined) throw refusal
      const stream = canvas.captureStream()
      field.track = stream.getVideoTracks()[0]
      return stream
    },
  }
  Object.defineProperty(navigator, 'mediaDevices', { get: () => field.devices })
  const create = window.createImageBitmap
  window.createImageBitmap = (video) => {
    field.taken++
    return create.call(window, video)
  }
  window.WebSocket = class extends WebSocket {
    send(data) {
      if (data instanceof ArrayBuffer) field.sent++
      super.send(data)
    }
  }
})()`

/** Somebody who has signed up, before cameras that do as the test says. */
async function before(t: Test): Promise<Page> {
  const { origin } = await startTestApp(t)
  const { page } = await visit(t, { origin, blind: true })
  await page.addInitScript(CAMERAS)
  await page.route('**/face.html', (route) => route.fulfill({ contentType: 'text/html', body: FACE_PAGE }))
  await signUp(page)
  return page
}

const start = async (page: Page) => {
  await page.goto('/console/session')
  await page.getByRole('heading', { name: 'Check your camera' }).waitFor()
}
const said = (page: Page, text: RegExp) => page.getByRole('alert').filter({ hasText: text }).waitFor()
const count = (page: Page, name: 'taken' | 'sent') => page.evaluate<number>(`__field.${name}`)

t.test('whatever keeps the camera away has a sentence that says what to do', { skip }, async (t) => {
  const page = await before(t)
  const refusing = (error: string) => `__field.refusal = () => ${error}`
  for (const [fault, en, ko] of [
    [refusing("new DOMException('', 'NotAllowedError')"), /not allowed.*address bar/, /허용되지/],
    [refusing("new DOMException('', 'NotReadableError')"), /Another program.*video call/, /다른 프로그램/],
    [refusing("new DOMException('', 'AbortError')"), /Another program/, /다른 프로그램/],
    [refusing("new DOMException('', 'NotFoundError')"), /No camera was found/, /찾을 수 없습니다/],
    [refusing("new OverconstrainedError('width')"), /suitable video/, /다른 카메라/],
    [refusing("({ name: 'TrackStartError' })"), /Another program/, /다른 프로그램/],
    [refusing("new TypeError('')"), /could not be turned on/, /켤 수 없습니다/],
    ['__field.devices = undefined', /inside an app.*Chrome or Safari/, /앱 안에서/],
    [
      "__field.devices = undefined; Object.defineProperty(window, 'isSecureContext', { value: false })",
      /only on https addresses/,
      /https 주소/,
    ],
  ] as const) {
    await page.addInitScript(fault)
    await start(page)
    await said(page, en)
    await page.getByRole('button', { name: '한국어' }).click()
    await page.getByRole('heading', { name: '카메라 확인' }).waitFor()
    await said(page, ko)
    t.equal(await page.getByRole('button', { name: '다시 시도' }).isVisible(), true)
    await page.getByRole('button', { name: 'English' }).click()
    await page.getByRole('heading', { name: 'Check your camera' }).waitFor()
  }
})

t.test(
  'a camera that was busy works when it is tried again, and any does for one that is gone',
  { skip },
  async (t) => {
    const page = await before(t)
    await page.addInitScript("__field.refusal = () => new DOMException('', 'NotReadableError')")
    await start(page)
    await said(page, /Another program/)
    await page.evaluate('__field.refusal = undefined')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.locator('.checks .good', { hasText: 'found' }).waitFor()
    t.equal(await page.locator('.fault').isVisible(), false)

    await page.evaluate("__field.refusal = (video) => video.deviceId && new OverconstrainedError('deviceId')")
    await page.evaluate('__field.asked.length = 0')
    await page.getByLabel('Select a camera').selectOption('two')
    await page.locator('.checks .good', { hasText: 'found' }).waitFor()
    const asked = await page.evaluate<{ deviceId?: unknown }[]>('__field.asked')
    t.same([asked[0]?.deviceId, asked[1]?.deviceId], [{ exact: 'two' }, undefined])
  },
)

t.test(
  'a picture that stands still, is muted or is gone sends no faces, and says so',
  { skip },
  async (t) => {
    const page = await before(t)
    await start(page)
    await page
      .getByRole('button', { name: 'Start the session' })
      .and(page.locator(':not([aria-disabled])'))
      .click()
    const sends = async () => {
      const before = await count(page, 'sent')
      await eventually(
        () => count(page, 'sent'),
        (now) => now > before,
      )
    }
    await sends()

    await page.evaluate('__field.moves = false')
    await said(page, /stopped sending video/)
    const [sent, taken] = [await count(page, 'sent'), await count(page, 'taken')]
    await eventually(
      () => count(page, 'taken'),
      (now) => now > taken + 10,
    )
    t.equal(await count(page, 'sent'), sent, 'the same picture, looked at again and again')
    await page.evaluate('__field.moves = true')
    await page.locator('.fault').waitFor({ state: 'hidden' })
    await sends()

    const mute = (muted: boolean) =>
      page.evaluate(`(() => {
      Object.defineProperty(__field.track, 'muted', { value: ${muted}, configurable: true })
      __field.track.dispatchEvent(new Event('${muted ? 'mute' : 'unmute'}'))
    })()`)
    await mute(true)
    await said(page, /stopped sending video/)
    await mute(false)
    await page.locator('.fault').waitFor({ state: 'hidden' })
    await sends()

    await page.evaluate("__field.track.dispatchEvent(new Event('ended'))")
    await said(page, /disconnected/)
    await page.locator('.fault').getByRole('button', { name: 'Try again' }).click()
    await page.locator('.fault').waitFor({ state: 'hidden' })
    await sends()

    t.comment('a model that has lost its graphics is brought back; one that loses them each time has stopped')
    const lose = "document.querySelector('iframe').contentWindow.postMessage('lose', '*')"
    await page.evaluate("document.querySelector('iframe').dataset.lost = ''")
    await page.evaluate(lose)
    await page.locator('iframe:not([data-lost])').waitFor({ state: 'attached' })
    await sends()
    const lost = FACE_PAGE.replace('isLost = false', 'isLost = true')
    await page.route('**/face.html', (route) => route.fulfill({ contentType: 'text/html', body: lost }))
    await page.evaluate(lose)
    await said(page, /face model has stopped/)
    t.pass()
  },
)
