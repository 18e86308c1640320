import { randomBytes } from 'node:crypto'
import t from 'tap'
import { SEALED_COLUMNS } from '../../src/db/sealed-columns.ts'
import { reencrypt } from '../../src/cli/keys/reencrypt.ts'
import { createSafe, isSealedValue, openBytes, SealError, sealBytes } from '../../src/lib/sealing.ts'
import { createWrapping } from '../../src/lib/wrapping.ts'
import {
  type Account,
  bearer,
  connect,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
} from '../helpers/app.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { faces, frameOf } from '../helpers/frames.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../helpers/gemini-double.ts'

const newKey = () => randomBytes(32).toString('base64')
const SECRET = 'a secret for tests, of more than 32 characters'
const NOTES = '상담 메모 7461'
const SURVEY = { feeling: 'survey text 7461' }
const NOTE = 'feedback note 7461'
const SAID = '오늘은 마음이 무거워요 7461'
const THOUGHT = '나는 항상 모든 걸 망쳐요. 이번에도 분명히 최악의 일이 생길 거예요.'
const PLAIN_TEXTS = [NOTES, SURVEY.feeling, NOTE, SAID]

const sealError = (reason: string) => ({ name: 'SealError', reason })

t.test('a sealed field', async (t) => {
  const key = randomBytes(32)
  const content = Buffer.from('what is to be kept')
  const sealed = sealBytes(key, content, 'table.column 7 row')
  t.same(Buffer.from(openBytes(key, sealed, 'table.column 7 row')), content)
  t.notSame(sealBytes(key, content, 'table.column 7 row'), sealed, 'never twice the same')
  t.notOk(Buffer.from(sealed).includes(content))
  for (const place of ['table.column 8 row', 'table.other 7 row', 'table.column 7 rows'])
    t.throws(() => openBytes(key, sealed, place), sealError('altered'), `not in another place: ${place}`)
  t.throws(() => openBytes(randomBytes(32), sealed, 'table.column 7 row'), sealError('wrong_key'))
  for (let place = 4; place < sealed.length; place++) {
    const touched = new Uint8Array(sealed)
    touched[place] = (touched[place] ?? 0) ^ 1
    t.throws(() => openBytes(key, touched, 'table.column 7 row'), SealError)
  }
  for (let length = 0; length < sealed.length; length++)
    t.throws(() => openBytes(key, sealed.subarray(0, length), 'table.column 7 row'), SealError)
})

t.test('a safe distinguishes every content from sealed values', async (t) => {
  const on = createSafe(randomBytes(32), '7')
  const off = createSafe(null, '7')
  const place = { column: 'a.b', row: 'r' }
  const texts = ['', 'plain', '\u0001sealed:AAAA', '\u0001plain:x', '\u0001', '한글 😀']
  for (const safe of [on, off])
    for (const text of texts) t.equal(safe.open(safe.seal(text, place), place), text)
  const objects = [
    {},
    [],
    [{ a: 1 }],
    { a: [1, null] },
    { sealed: 'x' },
    { sealed: 'x', b: 1 },
    { sealed: '\u0001sealed:AAAA' },
    { sealed: '\u0001sealed:AAAA', b: 1 },
  ]
  for (const value of objects)
    for (const safe of [on, off]) t.same(safe.openJson(safe.sealJson(value, place), place), value)
  t.equal(on.open('written before', place), 'written before', 'what was written before stays readable')
  t.throws(() => off.open(on.seal('text', place), place), sealError('no_key'))
  t.same(off.seal(new Uint8Array([1, 2]), place), new Uint8Array([1, 2]))
})

t.test('a wrapped data key', async (t) => {
  const [a, b] = [
    { id: 'a', key: newKey() },
    { id: 'b', key: newKey() },
  ]
  const dataKey = randomBytes(32)
  const wrapped = createWrapping([a], [SECRET]).wrap(dataKey, 7)
  t.match(createWrapping([b, a], [SECRET]).open(wrapped, 7), { isCurrent: false, isFit: true })
  t.same(Buffer.from(createWrapping([b, a], [SECRET]).open(wrapped, 7)?.key ?? []), dataKey)
  t.throws(() => createWrapping([a], [SECRET]).open(wrapped, 8), sealError('altered'), 'bound to its owner')
  t.throws(() => createWrapping([b], [SECRET]).open(wrapped, 7), sealError('no_key'))
  t.throws(() => createWrapping([{ ...b, id: 'a' }], [SECRET]).open(wrapped, 7), sealError('wrong_key'))
  const servers = createWrapping([], [SECRET]).wrap(dataKey, 7)
  t.match(createWrapping([a], ['a new secret', SECRET]).open(servers, 7), { isFit: false })
  t.equal(createWrapping([], ['a new secret']).open(servers, 7), undefined, 'nothing was sealed under it')
})

/** Every column of every table in which a sealed value is stored. */
async function findSealed({ sql }: TestDatabase): Promise<string[]> {
  const columns = await sql<{ name: string; column: string }[]>`
    select table_name as name, column_name as column from information_schema.columns
    where table_schema = 'public' and data_type in ('text', 'bytea', 'jsonb')`
  const found: string[] = []
  for (const { name, column } of columns) {
    const rows = await sql.unsafe(`select "${column}" as value from "${name}" where "${column}" is not null`)
    if (rows.some(({ value }) => isSealedValue(value))) found.push(`${name}.${column}`)
  }
  return found
}

/** What is stored anywhere, in the notations in which it may be. */
async function dump({ sql }: TestDatabase): Promise<string> {
  const tables = await sql`select tablename from pg_tables where schemaname = 'public'`
  const rows = await Promise.all(
    tables.map(({ tablename }) => sql.unsafe(`select row_to_json(r)::text as row from "${tablename}" r`)),
  )
  return rows
    .flat()
    .map(({ row }) => String(row))
    .join('\n')
}

const post = ({ app }: TestApp, { accessToken }: Account, url: string, payload: object = {}) =>
  app.inject({ method: 'POST', url, headers: bearer(accessToken), payload })
const get = ({ app }: TestApp, { accessToken }: Account, url: string) =>
  app.inject({ url, headers: bearer(accessToken) })

/** A session with a face, a voice, a thought, a conversation, notes, a survey and feedback. */
async function live(t: Parameters<typeof connect>[0], server: TestApp, account: Account) {
  const session = await startSession(server, account)
  const landmarks = await connect(t, session.wsUrls.landmarks)
  const talk = await connect(t, session.wsUrls.session)
  const voice = await connect(t, session.wsUrls.voice)
  await landmarks.next('connected')
  await voice.next('connected')
  voice.send({ type: 'stt_text', data: { text: THOUGHT } })
  const speak = () =>
    voice.send({
      type: 'vad_result',
      data: { timestamp: Date.now(), isSpeech: true, duration: 100, energy: 0.3 },
    })
  const speaking = setInterval(speak, 100)
  await voice.next('vad_analysis').finally(() => clearInterval(speaking))
  for (const points of faces('happy', 12)) landmarks.send(frameOf(points))
  await landmarks.next('emotion_update')
  talk.send({ type: 'request_ai_response', data: { message: SAID, emotion: null } })
  await talk.next('ai_stream_complete')
  const made = await post(server, account, '/api/counselings', { type: 'video', notes: NOTES })
  const { id } = made.json<{ data: { id: string } }>().data
  await post(server, account, `/api/counselings/${id}/survey`, { responses: SURVEY })
  await post(server, account, `/api/session/${session.sessionId}/feedback`, { rating: 4, note: NOTE })
  await post(server, account, `/api/session/${session.sessionId}/end`)
  const report = await eventually(
    () => get(server, account, `/api/session/${session.sessionId}/report`),
    (answer) => answer.statusCode === 200 && answer.json<Report>().data.reportId !== null,
  )
  const { cbtFindings, statistics } = report.json<Report>().data
  const [finding] = cbtFindings
  return {
    sessionId: session.sessionId,
    counselingId: id,
    /** The words of a detected cognitive distortion, as the report shows them. */
    cues: finding?.detections.flatMap(({ examples }) => examples) ?? [],
    questions: finding?.intervention?.questions ?? [],
    voice: statistics.averageVoiceMetrics,
  }
}

/** Without its quotes. */
const asInJson = (text: string) => JSON.stringify(text).slice(1, -1)

type Report = {
  readonly data: {
    readonly reportId: string | null
    readonly cbtFindings: readonly {
      readonly detections: readonly { readonly examples: readonly string[] }[]
      readonly intervention?: { readonly questions: readonly string[] }
    }[]
    readonly statistics: { readonly averageVoiceMetrics: object }
  }
}

const ENV = { ANALYSIS_INTERVAL_MS: '800', ANALYSIS_DEADLINE_MS: '500' }

t.test('personal data is not readable in the database, but for its owner', async (t) => {
  const database = await createTestDatabase(t)
  const plain = await startTestApp(t, { database, env: ENV })
  const before = await createAccount(plain)
  const early = await live(t, plain, before)
  const readable = await dump(database)
  const earlyWords = [...PLAIN_TEXTS, ...early.cues, ...early.questions].map(asInJson)
  t.ok(early.cues.length > 0 && early.questions.length > 0)
  t.match(early.voice, { energyMean: 0.3 })
  for (const text of earlyWords) t.ok(readable.includes(text), 'without keys it is stored as it is')
  await plain.app.close()

  const [first, second] = [newKey(), newKey()]
  const sealed = await startTestApp(t, { database, env: { ...ENV, DATA_KEYS: `2026a:${first}` } })
  const account = await createAccount(sealed)
  const { counselingId, sessionId, cues, questions, voice } = await live(t, sealed, account)
  t.same([cues, questions], [early.cues, early.questions], 'the same in both')
  t.match(voice, { energyMean: 0.3 })
  const isReadable = async (server: TestApp, who: Account, id: string) => {
    t.match((await get(server, who, `/api/counselings/${id}`)).json(), {
      data: { notes: NOTES, survey: SURVEY },
    })
    const all = (await get(server, who, '/api/user/export')).body
    for (const text of earlyWords) t.ok(all.includes(text), `the owner has ${text}`)
    t.match(all, /"mouthMotion":/, 'and their measures')
    t.match(all, /"energyMean":0.3/)
    t.notMatch(all, /sealed:/, 'nothing is left closed')
    t.notMatch(all, /unreadable/)
  }
  await isReadable(sealed, account, counselingId)
  await isReadable(sealed, before, early.counselingId)
  const mine = await database.sql`
    select c.message, w.measures, s.baseline from sessions s
    join conversations c on c.session_id = s.id join emotion_windows w on w.session_id = s.id
    where s.id = ${sessionId}`
  t.match(mine[0]?.['message'], /^\u0001sealed:/)
  const [said] = await database.sql`
    select v.measures as voice, f.detections, f.intervention, r.content from sessions s
    join voice_windows v on v.session_id = s.id join cbt_findings f on f.session_id = s.id
    join reports r on r.session_id = s.id where s.id = ${sessionId}`
  for (const column of ['voice', 'detections', 'intervention'])
    t.match(JSON.stringify(said?.[column]), /^.{0,4}sealed/, column)
  t.match(said?.['content'], { sealed: /^\u0001sealed:/, analysis: { vadVector: { valence: Number } } })
  t.notMatch(JSON.stringify(said?.['content']), /statistics|keyObservations|distortion/)
  const dashboard = await get(sealed, account, '/api/dashboard/summary')
  t.match(dashboard.body, /"vadScore":0\.\d/, 'what the dashboard looks for is found')
  t.match((await get(sealed, account, '/api/session/stats/summary')).body, /"dominantEmotion":"happy"/)
  t.same([...((mine[0]?.['measures'] ?? []) as Uint8Array).slice(0, 4)], [0, 0x73, 0x65, 1])
  t.same([...((mine[0]?.['baseline'] ?? []) as Uint8Array).slice(0, 4)], [0, 0x73, 0x65, 1])
  await sealed.app.close()

  // The operator key is changed; older unencrypted data is encrypted too.
  const wrapping = createWrapping(
    [
      { id: '2026b', key: second },
      { id: '2026a', key: first },
    ],
    [SECRET],
  )
  const done = await reencrypt(database.sql, wrapping, { sealsFields: true })
  t.match(done, { users: 2, wrapped: 2, failed: [] })
  t.ok(done.sealed >= 7, `${done.sealed} fields`)
  t.match(
    await reencrypt(database.sql, wrapping, { sealsFields: true }),
    { wrapped: 0, sealed: 0 },
    'once is enough',
  )
  const all = await dump(database)
  for (const text of earlyWords) t.notOk(all.includes(text), `not readable: ${text}`)
  t.notMatch(all, /energyMean/)
  const listed = SEALED_COLUMNS.map((one) => `${one.table}.${one.column}`)
  const stored = await findSealed(database)
  t.same(
    stored.filter((name) => !listed.includes(name)),
    [],
    'nothing is sealed that is not in the list',
  )
  t.ok(stored.length >= listed.length - 3, `most of the list is stored: ${stored.join(', ')}`)

  const rotated = await startTestApp(t, { database, env: { ...ENV, DATA_KEYS: `2026b:${second}` } })
  await isReadable(rotated, account, counselingId)
  await isReadable(rotated, before, early.counselingId)

  // Altered, moved or without the key: a clear error, and the server continues.
  await database.sql`update counselings set notes = overlay(notes placing 'AAAA' from 60 for 4) where user_id = ${account.id}`
  const altered = await get(rotated, account, `/api/counselings/${counselingId}`)
  t.match(altered.json(), { error: { code: 'DATA_UNREADABLE' } })
  t.match(rotated.log.join(''), /counselings.notes cannot be decrypted: it has been altered/)
  t.match((await get(rotated, account, '/api/user/export')).json(), {
    data: { counselings: [{ notes: { unreadable: 'altered' }, survey: SURVEY }] },
  })
  t.equal((await get(rotated, account, '/api/auth/me')).statusCode, 200)
  await rotated.app.close()
  const lost = await startTestApp(t, { database, env: { ...ENV, DATA_KEYS: `2026c:${newKey()}` } })
  t.equal((await get(lost, before, `/api/counselings/${early.counselingId}`)).statusCode, 500)
  t.match(lost.log.join(''), /DATA_KEYS does not hold the key/)
  t.equal((await get(lost, before, '/api/auth/me')).statusCode, 200, 'alive')
})

t.test('an account is created with its data key; one without gets it on first use', async (t) => {
  const database = await createTestDatabase(t)
  const env = { DATA_KEYS: `2026a:${newKey()}` }
  const born = await startTestApp(t, { database, env })
  const account = await createAccount(born)
  const keyOf = async () =>
    (await database.sql`select data_key as key from users`)[0]?.['key'] as Uint8Array | null
  t.equal(Buffer.from((await keyOf()) ?? []).toString('latin1', 1, 6), '2026a', 'wrapped by the operator')

  await database.sql`update users set data_key = null`
  const [one, other] = [await startTestApp(t, { database, env }), await startTestApp(t, { database, env })]
  const written = await post(one, account, '/api/counselings', { type: 'video', notes: NOTES })
  t.match(await keyOf(), Uint8Array)
  const read = await get(
    other,
    account,
    `/api/counselings/${written.json<{ data: { id: string } }>().data.id}`,
  )
  t.match(read.json(), { data: { notes: NOTES } })
})

t.test('landmarks are not stored, logged, forwarded or exported as metrics', async (t) => {
  const database = await createTestDatabase(t)
  const gemini = await createGeminiDouble(t)
  const server = await startTestApp(t, {
    database,
    env: { ...ENV, GEMINI_API_KEY: DOUBLE_KEY, GEMINI_BASE_URL: gemini.baseUrl },
  })
  const account = await createAccount(server)
  await live(t, server, account)
  // Invalid frames must not be logged in full either.
  const { wsUrls } = await startSession(server, account)
  const refused = await connect(t, wsUrls.landmarks)
  const [points = []] = faces('happy', 12)
  refused.send(frameOf(points.slice(0, 300)))
  refused.send(frameOf(points).slice(0, -20))
  refused.send({ type: 'landmarks', data: [{ x: 'text', points }] })
  refused.send({ type: 'ping' })
  await refused.next('pong')
  const crash = JSON.stringify(process.report.getReport(new Error('as when the process dies')))
  const metrics = (await server.app.inject({ url: '/metrics' })).body
  const exported = (await get(server, account, '/api/user/export')).body
  await server.app.close()

  const numbers = faces('happy', 12)
    .flat()
    .flatMap(({ x, y, z }) => [x, y, z])
    .filter((number) => String(number).length >= 7)
  t.ok(numbers.length > 10_000, 'a recorded face is looked for')
  const decimals = numbers.map((number) => String(Math.abs(number)).slice(0, 9))
  /** Pairs of adjacent numbers in the text, because a single number may occur by chance. */
  const pointsIn = (text: string): string[] => {
    const found = new Set([...new Set(decimals)].filter((one) => one.length >= 8 && text.includes(one)))
    return decimals.filter((one, i) => found.has(one) && found.has(decimals[i + 1] ?? ''))
  }
  const stored = await dump(database)
  const places: [string, string][] = [
    ['the database', stored],
    ['the log', server.log.join('')],
    ['the prompts', JSON.stringify(gemini.requests)],
    ['the metrics', metrics],
    ['the export', exported],
    ['what a crash leaves', crash],
  ]
  for (const [name, text] of places) {
    t.ok(text.length > 100, `${name} is looked through`)
    t.same(pointsIn(text), [], name)
  }
  // Bytes are shown as hexadecimal digits: single and double precision, both orders.
  const bytes = numbers.map((number) => {
    const view = Buffer.alloc(24)
    view.writeFloatLE(number, 0)
    view.writeFloatBE(number, 4)
    view.writeDoubleLE(number, 8)
    view.writeDoubleBE(number, 16)
    return [0, 4, 8, 16].map((at) => view.subarray(at, at + (at < 8 ? 4 : 8)).toString('hex'))
  })
  // A single number of four bytes may be there by chance; two neighbours of a frame are not.
  const found = bytes.filter((here, i) =>
    here.some((form, kind) => {
      const next = bytes[i + 1]?.[kind]
      return form.length === 16 ? stored.includes(form) : next !== undefined && stored.includes(form + next)
    }),
  )
  t.same(found, [], 'nor as bytes')
})
