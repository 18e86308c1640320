import { randomBytes } from 'node:crypto'
import type { BrowserContextOptions, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { Client } from '../../client/index.ts'
import { clientOf, watch } from '../client/kit.ts'
import { startTestApp } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { skip, visit } from './browser.ts'

t.setTimeout(10 * 60_000)

const PASSWORD = 'three small boats'

type Person = { readonly client: Client; readonly email: string }

async function newPerson(origin: string): Promise<Person> {
  const client = clientOf(origin)
  const name = randomBytes(6).toString('hex')
  const email = `${name}@example.com`
  await client.signup({ username: name, email, password: PASSWORD })
  return { client, email }
}

/** A browser that this person has never used. */
const newDevice = async (t: Test, origin: string, options: BrowserContextOptions = {}): Promise<Page> =>
  (await visit(t, { origin, blind: true, ...options })).page

async function logIn(page: Page, { email }: Person, password = PASSWORD): Promise<void> {
  await page.locator('[name=email]').fill(email)
  await page.locator('[name=password]').fill(password)
  await page.keyboard.press('Enter')
}

/** On a new device, as far as the question for consent. */
async function enter(t: Test, origin: string, person: Person): Promise<Page> {
  const page = await newDevice(t, origin)
  await page.goto('/console/login')
  await logIn(page, person)
  await page.getByRole('heading', { name: 'Before you begin' }).waitFor()
  return page
}

const spoken = (page: Page) => page.evaluate<string>('document.documentElement.lang')
const looks = (page: Page) => page.evaluate('({ ...document.documentElement.dataset })')

t.test('what somebody has set is there on every device that they log in on', { skip }, async (t) => {
  const { origin } = await startTestApp(t)
  const person = await newPerson(origin)
  await person.client.call('PUT /api/user/preferences', {
    body: { preferences: { language: 'en', fontScale: 'xl', layoutDensity: 'compact' } },
  })
  const page = await newDevice(t, origin, { locale: 'ko-KR' })
  await page.goto('/console/login')
  t.equal(await spoken(page), 'ko', 'nobody is known yet')
  await logIn(page, person)
  await page.getByRole('heading', { name: 'Before you begin' }).waitFor()
  t.match(await looks(page), { scale: 'xl', density: 'compact' })

  t.comment('changed elsewhere, it has changed here when the page is opened again')
  const { client } = person
  await client.call('PUT /api/user/preferences', { body: { preferences: { fontScale: 'sm' } } })
  await page.reload()
  await page.getByRole('heading', { name: 'Before you begin' }).waitFor()
  t.match(await looks(page), { scale: 'sm', density: 'compact' })

  t.comment('and a language chosen in the header goes along')
  await page.getByRole('button', { name: '한국어' }).click()
  await page.getByRole('heading', { name: '시작하기 전에' }).waitFor()
  const other = await newDevice(t, origin)
  await other.goto('/console/login')
  await logIn(other, person)
  await other.getByRole('heading', { name: '시작하기 전에' }).waitFor()
})

t.test(
  'who has set no language is spoken to in the one of the browser, or the one just chosen',
  { skip },
  async (t) => {
    const { origin } = await startTestApp(t)
    const person = await newPerson(origin)
    const page = await enter(t, origin, person)

    const other = await newDevice(t, origin)
    await other.goto('/console/login')
    await other.getByRole('button', { name: '한국어' }).click()
    await other.getByRole('heading', { name: '로그인' }).waitFor()
    await logIn(other, person)
    await other.getByRole('heading', { name: '시작하기 전에' }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: '시작하기 전에' }).waitFor()
  },
)

t.test(
  'whoever has chosen a language is told in it what goes wrong, by whomever it is said',
  { skip },
  async (t) => {
    const { origin } = await startTestApp(t)
    const person = await newPerson(origin)
    const page = await newDevice(t, origin)
    let say: (frame: object) => void = () => undefined
    await page.routeWebSocket(/\/ws\/session/, (socket) => {
      socket.connectToServer()
      say = (frame) => socket.send(JSON.stringify(frame))
    })
    await page.goto('/console/login')
    await page.getByRole('button', { name: '한국어' }).click()
    await page.getByRole('heading', { name: '로그인' }).waitFor()
    await logIn(page, person, 'not the one')
    await page.getByRole('alert').getByText('이메일 또는 비밀번호가 올바르지 않습니다.').waitFor()
    await logIn(page, person)
    await page.getByRole('heading', { name: '시작하기 전에' }).waitFor()

    await page.goto('/console/session#recording')
    await page.getByRole('button', { name: '세션 시작' }).and(page.locator(':not([aria-disabled])')).click()
    await page.getByText('연결됨').waitFor()
    await page.getByText('상담 AI와 이야기하기').click()
    // A browser tells a socket its own language, whatever the page speaks.
    say({
      type: 'ai_stream_error',
      data: { code: 'AI_BUSY', error: 'The previous question is still being answered.' },
    })
    await page.locator('.chat .notice', { hasText: '이전 질문에 대한 답변이 아직 진행 중입니다.' }).waitFor()
    say({ type: 'ai_stream_begin', data: {} })
    say({ type: 'emotion_update', data: null })
    await page.locator('.live > .notice', { hasText: '서버 응답을 처리할 수 없습니다.' }).waitFor()
  },
)

t.test(
  'a neutral face is kept for whoever wishes it, and messages go to whoever wants them',
  { skip },
  async (t) => {
    const { origin } = await startTestApp(t)
    const person = await newPerson(origin)
    const page = await enter(t, origin, person)
    await page.goto('/console/settings')
    const kept = () => person.client.call('GET /api/user/preferences')
    const agreed = async () =>
      (await person.client.call('GET /api/user/consent')).consents.filter(
        ({ purpose }) => purpose === 'carry_baseline',
      )
    await page.getByLabel('Remember my neutral face').check()
    await eventually(agreed, (consents) => consents.some(({ withdrawnAt }) => withdrawnAt === null))
    await page.getByLabel('Notifications').check()
    await eventually(kept, ({ notificationsOptIn }) => notificationsOptIn)
    await page.getByText('Saved.').waitFor()
    await page.reload()
    await eventually(() => page.getByLabel('Remember my neutral face').isChecked(), Boolean)
    await page.getByLabel('Remember my neutral face').uncheck()
    await eventually(agreed, (consents) => consents.every(({ withdrawnAt }) => withdrawnAt !== null))
    t.match(await kept(), { notificationsOptIn: true })
    t.equal((await agreed()).length, 1)
  },
)

t.test('what is agreed to names the conversations, and who is sent what', { skip }, async (t) => {
  for (const [env, goesOut] of [
    [{}, /Nothing leaves the server/],
    [{ GEMINI_API_KEY: 'a key' }, /What you write to the counsellor is also sent to Gemini/],
  ] as const) {
    const { origin } = await startTestApp(t, { env })
    const page = await newDevice(t, origin)
    await page.goto('/console/login')
    await logIn(page, await newPerson(origin))
    await page.getByRole('heading', { name: 'Before you begin' }).waitFor()
    const text = await page.locator('article').innerText()
    t.match(text, /your messages, its answers and the thinking patterns found in them are stored/)
    t.match(text, goesOut)
  }
})

t.test(
  'a report of words of self-harm begins with whom to call, in the language of the page',
  { skip },
  async (t) => {
    for (const [env, english] of [
      [{}, 'Suicide prevention line (Korea) 109'],
      [{ CRISIS_LINES: '도움의 전화=02-123-4567' }, '도움의 전화 02-123-4567'],
    ] as const) {
      const { origin } = await startTestApp(t, { env })
      const person = await newPerson(origin)
      const session = await person.client.startSession({ channels: ['session'] })
      const seen = watch(t, session)
      await seen.has('open')
      session.ask('더 이상 살고 싶지 않아요')
      await seen.has('ai', 3)
      await session.end()
      const page = await enter(t, origin, person)
      await page.goto(`/console/report#${session.id}`)
      await page.locator('.crisis li', { hasText: english }).waitFor()
    }
  },
)

t.test('all sessions are listed, the older ones when they are asked for', { skip }, async (t) => {
  const { origin } = await startTestApp(t)
  const person = await newPerson(origin)
  for (let i = 0; i < 21; i++) {
    const { sessionId } = await person.client.call('POST /api/session/start', { body: {} })
    await person.client.call('POST /api/session/:id/end', { params: { id: sessionId } })
  }
  const page = await enter(t, origin, person)
  await page.goto('/console/history')
  const lines = page.locator('.sessions li')
  await lines.nth(19).waitFor()
  t.equal(await lines.count(), 20)
  const older = page.getByRole('button', { name: 'Show older sessions' })
  await older.click()
  await lines.nth(20).waitFor()
  t.equal(await older.count(), 0, 'and then there are no more')
})
