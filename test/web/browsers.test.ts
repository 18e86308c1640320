import t from 'tap'
import { startTestApp } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { signUp, skip, visit } from './browser.ts'

t.test('where site data is blocked the console works until it is closed', { skip }, async (t) => {
  const { origin } = await startTestApp(t)
  const { page, faults } = await visit(t, { origin, blind: true })
  await page.addInitScript(`for (const name of ['localStorage', 'sessionStorage'])
    Object.defineProperty(window, name, { get: () => { throw new DOMException('blocked', 'SecurityError') } })`)
  await signUp(page)
  await page.getByRole('button', { name: '한국어' }).click()
  await page.getByRole('heading', { name: /안녕하세요$/ }).waitFor()
  await page.getByRole('link', { name: '설정' }).click()
  await page.getByLabel('테마').selectOption('dark')
  t.equal(await page.evaluate('document.documentElement.dataset.theme'), 'dark')
  t.same(faults, [])
})

t.test('a page from before a deploy gets the new files by itself, and asks but once', { skip }, async (t) => {
  const { origin } = await startTestApp(t)
  const { page } = await visit(t, { origin, blind: true })
  await signUp(page)
  let loads = 0
  let isGone = true
  page.on('load', () => {
    loads++
    isGone = false // the page that comes is of the new build
  })
  await page.route('**/assets/history-*.js', (route) =>
    isGone ? route.fulfill({ status: 404 }) : route.continue(),
  )
  await page.evaluate('document.querySelector(\'a[href$="/history"]\').click()')
  await page.getByRole('heading', { name: 'History' }).waitFor()
  t.equal(loads, 1)

  t.comment('a file that no build has is not asked for without end')
  loads = 0
  await page.evaluate('sessionStorage.clear()')
  await page.route('**/assets/settings-*.js', (route) => route.fulfill({ status: 404 }))
  await page.getByRole('link', { name: 'Settings' }).click()
  await eventually(
    () => loads,
    (count) => count === 1,
  )
  await page.getByRole('heading', { name: 'Something went wrong' }).waitFor()
  await page.getByRole('button', { name: 'Try again' }).click()
  await eventually(
    () => loads,
    (count) => count === 2,
  )
  await page.getByRole('heading', { name: 'Something went wrong' }).waitFor()
  t.equal(loads, 2, 'at the start, and when it was asked to')
})

t.test('Enter within a syllable sends the message once, whole', { skip }, async (t) => {
  const { origin } = await startTestApp(t)
  const { page } = await visit(t, { origin, blind: true })
  await signUp(page)
  await page.goto('/console/session#recording')
  await page
    .getByRole('button', { name: 'Start the session' })
    .and(page.locator(':not([aria-disabled])'))
    .click()
  await page.getByText('Connected').waitFor()
  await page.getByText('Talk to the AI counsellor').click()
  const input = page.getByLabel('Write what is on your mind')
  await input.focus()
  const keyboard = await page.context().newCDPSession(page)
  const compose = (text: string) =>
    keyboard.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length })
  await compose('안녕하세')
  await compose('안녕하세요')
  await page.evaluate("document.querySelector('.message-form').requestSubmit()") // as macOS does, before the syllable has ended
  await keyboard.send('Input.insertText', { text: '안녕하세요' })
  const mine = page.locator('.messages .mine p')
  await mine.first().waitFor()
  await page.locator('.messages .theirs p', { hasText: /.{5}/ }).waitFor()
  t.same(await mine.allInnerTexts(), ['안녕하세요'])
  t.equal(await input.inputValue(), '')
})

t.test(
  'a session is come back to by a button when every try has failed, and not forgotten',
  { skip },
  async (t) => {
    const { origin } = await startTestApp(t)
    const { page } = await visit(t, { origin, blind: true })
    await signUp(page)
    await page.goto('/console/session#recording')
    await page
      .getByRole('button', { name: 'Start the session' })
      .and(page.locator(':not([aria-disabled])'))
      .click()
    await page.getByText('Connected').waitFor()
    const id = await page.evaluate<string>("JSON.parse(sessionStorage.getItem('maeum.session')).id")
    await page.route('**/api/session/**', (route) => route.fulfill({ status: 503, body: 'away' }))
    await page.reload()
    await page.getByRole('heading', { name: 'Something went wrong' }).waitFor()
    await page.unroute('**/api/session/**')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('Connected').waitFor()
    t.equal(await page.evaluate("JSON.parse(sessionStorage.getItem('maeum.session')).id"), id)
  },
)
