import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Worker } from 'node:worker_threads'
import { inflateSync } from 'node:zlib'
import { eq } from 'drizzle-orm'
import fc from 'fast-check'
import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import {
  cbtFindings,
  conversations,
  emotionWindows,
  reports,
  sessions,
  voiceWindows,
} from '../../src/db/schema/index.ts'
import { crisisLines } from '../../src/domain/crisis/lines.ts'
import { EMOTIONS } from '../../src/domain/emotion.ts'
import { LANGUAGES, type Language } from '../../src/domain/language.ts'
import { buildReport, type ReportedWindow } from '../../src/domain/report.ts'
import { csvCell } from '../../src/features/reports/csv.ts'
import { LABELS } from '../../src/features/reports/pdf/labels.ts'
import { drawnWindows } from '../../src/features/reports/pdf/printed-report.ts'
import { createPrinter, startWriter } from '../../src/features/reports/pdf/printer.ts'
import { reportsRepository } from '../../src/features/reports/repository.ts'
import { createReportService } from '../../src/features/reports/service.ts'
import { fromCursor, toCursor } from '../../src/features/reports/timeline.ts'
import { bearer, createAccount, startTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { plainVault } from '../helpers/plain-vault.ts'
import { readingOf } from '../helpers/scripted-model.ts'

const STARTED_AT = 1_772_409_900_000 // 2026-03-02 00:05 UTC
const INTERVAL_MS = 10_000
const HOUR = 360

const database = await createTestDatabase(t)
const { orm } = database
const server = await startTestApp(t, { database, model: null, env: { SESSION_GRACE_MS: '3600000' } })
const account = await createAccount(server)

const get = (
  sessionId: string,
  path: string,
  headers: Record<string, string> = bearer(account.accessToken),
) => server.app.inject({ url: `/api/session/${sessionId}/${path}`, headers })
const code = (answer: LightMyRequestResponse) =>
  `${answer.statusCode} ${answer.json<{ error: { code: string } }>().error.code}`
const data = (answer: LightMyRequestResponse) => answer.json<{ data: Record<string, unknown> }>().data

/** After its rows are inserted, because a sweep finalises sessions that ended long ago. */
const endSession = (id: string, windows: number) =>
  orm
    .update(sessions)
    .set({ status: 'ended', endedAt: new Date(STARTED_AT + windows * INTERVAL_MS) })
    .where(eq(sessions.id, id))

let made = 0
/** A session with these rows, ended by default, whose report is created on the first request. */
async function storedSession(windows: number, more: { language?: Language; live?: boolean } = {}) {
  const id = `sess_${String(++made).padStart(32, '0')}`
  await orm.insert(sessions).values({
    id,
    userId: account.id,
    intervalMs: INTERVAL_MS,
    startedAt: new Date(STARTED_AT),
    language: more.language ?? 'ko',
  })
  const rows = Array.from({ length: windows }, (_, i) => ({
    sessionId: id,
    window: i + 1,
    closedAt: new Date(STARTED_AT + (i + 1) * INTERVAL_MS),
    framesReceived: 100,
    framesAnalysed: 40,
    ...readingOf(EMOTIONS[Math.floor(i / 9) % EMOTIONS.length] ?? 'neutral'),
    source: i % 3 === 0 ? ('gemini' as const) : ('local' as const),
    model: i % 3 === 0 ? 'gemini-x' : 'local-1',
    modelOutcome: i % 3 === 0 ? 'answered' : 'timed_out',
    latencyMs: 10 + i,
    analyserVersion: 'local-1',
    measures: new Uint8Array(),
    answeredAt: new Date(),
  }))
  if (rows.length > 0) await orm.insert(emotionWindows).values(rows)
  if (more.live !== true) await endSession(id, windows)
  return id
}

/** Makes the report as the sweep does. */
async function finalise(id: string) {
  const onFinalised = () => undefined
  await createReportService({
    database,
    repository: reportsRepository,
    vault: plainVault,
    onFinalised,
    graceMs: 0,
  }).finalise(id, null)
  return id
}

const detection = {
  type: 'labelling',
  name_ko: '낙인찍기',
  name_en: 'Labelling',
  severity: 'high',
  confidence: 0.8,
  examples: ['항상'],
}
const intervention = {
  distortionType: 'labelling',
  distortionName: '낙인찍기',
  severity: 'high',
  urgency: 'soon',
  questions: ['정말 그럴까요?'],
  tasks: [{ title: '적기', description: '적어 봅니다.', difficulty: 'easy', duration: '10분' }],
}

/** A session with self-harm language after an offered exercise. */
async function flaggedSession(language: Language) {
  const id = await storedSession(3, { language, live: true })
  await orm.insert(cbtFindings).values([
    { sessionId: id, at: new Date(STARTED_AT + 5000), detections: [detection], intervention },
    { sessionId: id, at: new Date(STARTED_AT + 7000), detections: [], isCrisis: true, intervention },
  ])
  await endSession(id, 3)
  return finalise(id)
}

t.test('voice and cognitive distortions are in the summary and the report', async (t) => {
  const id = await storedSession(3, { live: true })
  await orm.insert(voiceWindows).values([
    { sessionId: id, window: 1, closedAt: new Date(STARTED_AT), measures: { speechRatio: 0.5 } },
    { sessionId: id, window: 2, closedAt: new Date(STARTED_AT), measures: { speechRatio: 0.25 } },
  ])
  await orm.insert(cbtFindings).values([
    { sessionId: id, at: new Date(STARTED_AT + 5000), detections: [detection], intervention },
    // Of an invalid shape, which must not reach a client:
    { sessionId: id, at: new Date(STARTED_AT + 6000), detections: [{ type: 'x' }], intervention: { a: 1 } },
  ])
  await orm.insert(conversations).values({ sessionId: id, message: 'm', response: 'r', source: 'local' })
  await endSession(id, 3)
  await finalise(id)
  t.match(data(await get(id, 'summary')), {
    averageVoiceMetrics: { speechRatio: 0.375 },
    cbt: { totalDistortions: 1, mostCommon: 'labelling' },
    recommendations: { length: 2 },
  })
  const report = data(await get(id, 'report'))
  t.same(report['cbtFindings'], [
    {
      timestamp: STARTED_AT + 5000,
      hasDistortions: true,
      needsIntervention: true,
      detections: [detection],
      intervention,
    },
  ])
  t.same(report['crisisLines'], [])
  t.match(report['statistics'], { voiceWindows: 2, conversations: 1 })
})

t.test('a report with self-harm language contains the crisis lines and no exercise', async (t) => {
  for (const [language, lines] of [
    ['ko', crisisLines('ko')],
    ['en', crisisLines('en')],
  ] as const) {
    const id = await flaggedSession(language)
    const report = data(await get(id, 'report'))
    t.same(report['crisisLines'], lines)
    t.match(report, {
      cbtFindings: [{ hasDistortions: true, needsIntervention: false }],
      analysis: { overallAssessment: { forCounsellor: { isFlagged: true, crisisCount: 1, note: String } } },
      statistics: { crisisFindings: 1 },
    })
    t.notMatch(JSON.stringify(report['cbtFindings']), '적어 봅니다')
  }
  const own = await startTestApp(t, {
    database,
    env: { CRISIS_LINES: '도움의 전화=02-123-4567' },
  })
  const id = await flaggedSession('ko')
  const answer = await own.app.inject({
    url: `/api/session/${id}/report`,
    headers: bearer(account.accessToken),
  })
  t.same(data(answer)['crisisLines'], [{ name: '도움의 전화', number: '02-123-4567' }])
})

t.test('the report of an English session is in English', async (t) => {
  const id = await finalise(await storedSession(3, { language: 'en' }))
  const { keyObservations } = data(await get(id, 'summary'))
  t.match(keyObservations, [/^The most frequent expression was happiness/])
  t.equal((await get(id, 'report/pdf')).rawPayload.includes('/Lang (en)'), true)
})

t.test('a report of an older shape is built again from the rows', async (t) => {
  const id = await storedSession(3)
  await orm
    .insert(reports)
    .values({ id: `rep_old_${id}`, sessionId: id, version: 1, content: { analysis: {} } })
  t.match(data(await get(id, 'summary')), { dominantEmotion: { count: 3 } })
  t.match(data(await get(id, 'report')), {
    reportId: `rep_old_${id}`,
    version: 3,
    statistics: { windows: 3 },
  })
})

t.test('tables', async (t) => {
  const id = await finalise(await storedSession(600))
  const linesOf = async (query: string) => {
    const answer = await get(id, `report/csv${query}`)
    t.match(answer.headers, {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': /^attachment; filename="maeum-2026-03-02-(emotion|vad)\.csv"$/,
      'cache-control': 'no-store',
    })
    t.notOk(String(answer.headers['content-disposition']).includes(id), 'the id is a capability')
    t.same([...answer.rawPayload.subarray(0, 3)], [0xef, 0xbb, 0xbf], 'a byte order mark')
    const text = answer.rawPayload.subarray(3).toString('utf8')
    t.ok(text.endsWith('\r\n'))
    return text.trimEnd().split('\r\n')
  }

  t.test('of emotions', async (t) => {
    const lines = await linesOf('?kind=emotion')
    t.equal(lines.length, 601)
    t.equal(lines[0], 'index,timestamp,relativeTime,emotion,confidence,source,frameCount')
    t.equal(lines[1], `1,${STARTED_AT + 10_000},10000,happy,${readingOf('happy').confidence},gemini,40`)
    t.match(lines[600], /^600,\d+,6000000,/)
    t.same(await linesOf(''), lines, 'which is what is meant when no kind is named')
  })

  t.test('of valence, arousal and dominance', async (t) => {
    const lines = await linesOf('?kind=vad')
    t.equal(lines[0], 'index,timestamp,valence,arousal,dominance')
    const { valence, arousal, dominance } = readingOf('sad')
    t.equal(lines[10], `10,${STARTED_AT + 100_000},${valence},${arousal},${dominance}`)
    t.match(lines[10], /,-0\.\d+/, 'a negative number stays a number')
  })

  t.test('of another kind are refused with the field name', async (t) => {
    const answer = await get(id, 'report/csv?kind=voice')
    t.equal(code(answer), '400 VALIDATION_ERROR')
    t.match(answer.json(), { error: { details: [{ field: 'kind' }] } })
  })
})

t.test('text that a spreadsheet would evaluate is escaped', (t) => {
  for (const [text, cell] of [
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['  =1', "'  =1"],
    ['＝1', "'＝1"],
    ['\t=1', "'\t=1"],
    ['\r=1', '"\'\r=1"'],
    ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
    ['a,b', '"a,b"'],
    ['슬픔', '슬픔'],
    ['a=b', 'a=b'],
    ['', ''],
  ] as const)
    t.equal(csvCell(text), cell, JSON.stringify(text))
  for (const number of [-1, 0, 0.25, -0.5, 1_700_000_000_000]) t.equal(csvCell(number), String(number))
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const cell = csvCell(text)
      const shown = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell
      return !/^[\s]*[=+\-@]/.test(shown) && (shown === text || shown === `'${text}`)
    }),
  )
  t.end()
})

t.test('the timeline', async (t) => {
  const id = await storedSession(7, { live: true })
  await orm.insert(emotionWindows).values({
    sessionId: id,
    window: 8,
    closedAt: new Date(),
    framesReceived: 1,
    framesAnalysed: 1,
    ...readingOf('sad'),
    source: 'local',
    model: 'local-1',
    latencyMs: 1,
    analyserVersion: 'local-1',
    measures: new Uint8Array(),
  })
  const page = async (query: string) => data(await get(id, `timeline${query}`)) as Page

  t.test('returns every answered window once, in order, in pages', async (t) => {
    const numbers: number[] = []
    const sizes: number[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const { windows, nextCursor }: Page = await page(`?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`)
      numbers.push(...windows.map(({ window }) => window))
      sizes.push(windows.length)
      cursor = nextCursor
    }
    t.same(numbers, [1, 2, 3, 4, 5, 6, 7], 'and not the one that is still being answered')
    t.same(sizes, [3, 3, 1])
    t.equal((await page('?limit=7')).nextCursor, null, 'no empty page at the end')
  })

  t.test('returns the data of a window', async (t) => {
    const { confidence, scores, valence, arousal, dominance } = readingOf('happy')
    t.same((await page('?limit=1')).windows[0], {
      window: 1,
      timestamp: STARTED_AT + 10_000,
      relativeTime: 10_000,
      framesReceived: 100,
      frameCount: 40,
      emotion: 'happy',
      confidence,
      uncertain: false,
      scores,
      valence,
      arousal,
      dominance,
      source: 'gemini',
      model: 'gemini-x',
      modelOutcome: 'answered',
      latencyMs: 10,
    })
  })

  t.test('refuses an invalid cursor or limit with the field name', async (t) => {
    for (const [query, field] of [
      ['?limit=0', 'limit'],
      ['?limit=501', 'limit'],
      ['?limit=x', 'limit'],
      ['?cursor=', 'cursor'],
      ['?cursor=%00', 'cursor'],
      ['?cursor=1', 'cursor'],
    ] as const) {
      const answer = await get(id, `timeline${query}`)
      t.equal(code(answer), '400 VALIDATION_ERROR', query)
      t.match(answer.json(), { error: { details: [{ field }] } })
    }
    t.same(await page('?cursor=______'), { windows: [], nextCursor: null }, 'behind every window')
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (n) => fromCursor(toCursor(n)) === n))
  })
})

type Page = { windows: { window: number }[]; nextCursor: string | null }

/** The text of the pages, decoded with the character maps of the fonts. */
function readPdf(bytes: Buffer) {
  const source = bytes.toString('latin1')
  const objects = new Map<string, { head: string; body: string }>()
  for (const [, id = '', object = ''] of source.matchAll(/(\d+) 0 obj\n([\s\S]*?)\nendobj/g)) {
    const [head = '', stream] = object.split('\nstream\n')
    const raw = Buffer.from(stream?.replace(/\nendstream$/, '') ?? '', 'latin1')
    const isPacked = head.includes('/FlateDecode')
    objects.set(id, { head, body: (isPacked ? inflateSync(raw) : raw).toString('latin1') })
  }
  const all = [...objects.values()]
  const fonts = new Map<string, Map<string, string>>()
  for (const [, name = '', id = ''] of source.matchAll(/\/(F\d+) (\d+) 0 R/g)) {
    const unicode = /\/ToUnicode (\d+) 0 R/.exec(objects.get(id)?.head ?? '')?.[1] ?? ''
    const characters = new Map<string, string>()
    for (const [, list = ''] of (objects.get(unicode)?.body ?? '').matchAll(
      /beginbfrange\n?([\s\S]*?)endbfrange/g,
    ))
      for (const [, from = '', texts = ''] of list.matchAll(/<([\da-f]+)> <[\da-f]+> \[([^\]]*)\]/gi))
        for (const [i, [, hex = '']] of [...texts.matchAll(/<([\da-f ]+)>/gi)].entries())
          characters.set(
            (Number.parseInt(from, 16) + i).toString(16).padStart(4, '0'),
            Buffer.from(hex.replaceAll(' ', ''), 'hex').swap16().toString('utf16le'),
          )
    fonts.set(name, characters)
  }
  let font = new Map<string, string>()
  let text = ''
  for (const { body } of all)
    for (const [, name, shown] of body.matchAll(/\/(F\d+) [\d.]+ Tf|\[([^\]]*)\] TJ/g)) {
      if (name !== undefined) font = fonts.get(name) ?? font
      for (const [, hex = ''] of (shown ?? '').matchAll(/<([\da-f]+)>/gi))
        for (const glyph of hex.match(/.{4}/g) ?? []) text += font.get(glyph.toLowerCase()) ?? '?'
      if (shown !== undefined) text += '\n'
    }
  return {
    text,
    pages: all.filter(({ head }) => /\/Type \/Page\n/.test(head)).length,
    embedded: [
      ...new Set([...source.matchAll(/\/FontName \/[A-Z]+\+(\S+)/g)].map(([, name]) => name)),
    ].sort(),
    drawn: all.reduce((sum, { body }) => sum + (body.match(/ l$| re$/gm) ?? []).length, 0),
    pictures: all.filter(({ head }) => head.includes('/Subtype /Image')).length,
    boxes: [...new Set([...source.matchAll(/\/MediaBox \[([^\]]+)\]/g)].map(([, box]) => box))],
  }
}

t.test('the document of an hour', async (t) => {
  const id = await finalise(await storedSession(HOUR))
  const answer = await get(id, 'report/pdf')
  const pdf = readPdf(answer.rawPayload)

  t.test('is an A4 document with embedded fonts, in Korean', async (t) => {
    t.equal(answer.statusCode, 200)
    t.match(answer.headers, {
      'content-type': 'application/pdf',
      'content-disposition': 'attachment; filename="maeum-2026-03-02-report.pdf"',
    })
    t.equal(answer.rawPayload.subarray(0, 7).toString(), '%PDF-1.')
    t.ok(answer.rawPayload.subarray(-8).toString().includes('%%EOF'))
    t.ok(answer.rawPayload.length < 300_000, `only the glyphs in use: ${answer.rawPayload.length} bytes`)
    t.equal(pdf.pages, 2)
    t.same(pdf.boxes, ['0 0 595.28 841.89'])
    t.same(pdf.embedded, ['NanumGothic', 'NanumGothicBold'])
    t.equal(pdf.text.includes('?'), false, 'no character that the font does not have')
  })

  t.test('contains the texts of the report', async (t) => {
    const report = data(await get(id, 'report')) as { analysis: Analysis; reportId: string }
    const { keyObservations, disclaimer } = report.analysis.overallAssessment
    const words = (text: string) => text.replaceAll(/\s/g, '')
    const said = words(pdf.text)
    const { headings } = LABELS.ko
    for (const text of [
      ...keyObservations,
      ...report.analysis.recommendations.map(({ description }) => description),
      disclaimer,
      ...[headings.timeline, headings.vad, headings.distribution, headings.limits, LABELS.ko.elapsed],
      ...['정서가', '각성도', '지배감', '행복', '두려움', '10분', '1 / 2쪽', '2 / 2쪽'],
      report.reportId,
      '2026년 3월 2일 09:05 (KST)',
      '1:00:00',
    ])
      t.ok(said.includes(words(text)), text)
    t.notOk(said.includes(id))
  })

  t.test('draws its charts as vectors, not as images', async (t) => {
    t.equal(pdf.pictures, 0)
    t.ok(pdf.drawn > 3 * HOUR, `${pdf.drawn} lines and boxes`)
  })

  const isMissing = spawnSync('pdftotext', ['-v']).error !== undefined
  const skip = isMissing ? 'pdftotext is not installed' : false
  t.test('is readable by other programs', { skip }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'maeum-pdf-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'report.pdf')
    writeFileSync(path, answer.rawPayload)
    const text = execFileSync('pdftotext', ['-layout', path, '-'], { encoding: 'utf8' })
    for (const part of [LABELS.ko.title, '가장 자주 보인 표정은', '진단이 아닙니다', '2 / 2쪽'])
      t.match(text, part)
    t.end()
  })

  t.test('is the same each time, byte by byte', async (t) => {
    t.ok((await get(id, 'report/pdf')).rawPayload.equals(answer.rawPayload))
  })

  t.test('uses the time zone of the user, also in file names', async (t) => {
    const prefer = (timezone: string) =>
      server.app.inject({
        method: 'PUT',
        url: '/api/user/preferences',
        headers: bearer(account.accessToken),
        payload: { preferences: { timezone } },
      })
    t.equal((await prefer('America/Los_Angeles')).statusCode, 200)
    t.teardown(() => prefer('Asia/Seoul'))
    for (const [path, text] of [
      ['report/pdf', '2026년 3월 1일 16:05 (UTC-8)'],
      ['report/pdf?language=en', '1 March 2026, 16:05 (UTC-8)'],
    ] as const) {
      const abroad = await get(id, path)
      t.match(abroad.headers['content-disposition'], 'maeum-2026-03-01-report.pdf')
      t.ok(readPdf(abroad.rawPayload).text.replaceAll(/\s/g, '').includes(text.replaceAll(' ', '')), text)
    }
    const table = await get(id, 'report/csv')
    t.match(table.headers['content-disposition'], 'maeum-2026-03-01-emotion.csv')
  })

  t.test('is in the other language on request', async (t) => {
    const english = readPdf((await get(id, 'report/pdf?language=en')).rawPayload)
    for (const text of [
      LABELS.en.title,
      LABELS.en.headings.vad,
      'The most frequent expression was',
      'No diagnosis',
    ])
      t.match(english.text, text)
    t.notMatch(english.text, /\p{Script=Hangul}/u)
    t.equal(code(await get(id, 'report/pdf?language=fr')), '400 VALIDATION_ERROR')
  })

  t.test('does not block the event loop while it is written', async (t) => {
    const delay = monitorEventLoopDelay({ resolution: 2 })
    delay.enable()
    const all: Awaited<ReturnType<typeof get>>[] = []
    for (let asked = 0; asked < 6; asked++) all.push(await get(id, 'report/pdf'))
    delay.disable()
    t.ok(
      all.every((each) => each.rawPayload.equals(answer.rawPayload)),
      'one after the other, all complete',
    )
    t.comment(`longest stall ${(delay.max / 1e6).toFixed(1)} ms`)
  })

  t.test('is refused, not queued without limit, when there are too many requests', async (t) => {
    const all = await Promise.all(Array.from({ length: 40 }, () => get(id, 'report/pdf')))
    const served = all.filter(({ statusCode }) => statusCode === 200)
    const refused = all.filter(({ statusCode }) => statusCode !== 200)
    t.ok(served.length > 0 && served.every((each) => each.rawPayload.equals(answer.rawPayload)))
    t.ok(refused.length > 0 && refused.every((each) => code(each) === '429 RATE_LIMITED'))
    t.ok(refused.every(({ headers }) => Number(headers['retry-after']) > 0))
    t.equal((await get(id, 'report/pdf')).statusCode, 200, 'and goes on afterwards')
  })
})

type Analysis = {
  overallAssessment: { keyObservations: string[]; disclaimer: string }
  recommendations: { description: string }[]
}

t.test('documents of unusual sessions', async (t) => {
  for (const windows of [0, 1, 2, 5]) {
    for (const language of LANGUAGES) {
      const id = await finalise(await storedSession(windows, { language }))
      const pdf = readPdf((await get(id, 'report/pdf')).rawPayload)
      t.ok(pdf.pages >= 1 && pdf.pages <= 2, `${windows} windows in ${language}: ${pdf.pages} pages`)
      t.ok(pdf.text.includes(LABELS[language].title))
      if (windows === 0)
        t.match(pdf.text, language === 'ko' ? '분석된 구간이 없습니다.' : 'No window was analysed.')
    }
  }
  const live = readPdf((await get(await storedSession(4, { live: true }), 'report/pdf')).rawPayload)
  t.match(live.text, LABELS.ko.unfinished, 'one that goes on says so')
  t.match(live.text, LABELS.ko.ongoing)
})

t.test('a printer', async (t) => {
  const window = (number: number): ReportedWindow => ({
    window: number,
    closedAt: STARTED_AT + number * INTERVAL_MS,
    ...readingOf(EMOTIONS[number % EMOTIONS.length] ?? 'neutral'),
    source: 'local',
    model: 'local-1',
    analyserVersion: 'local-1',
    frameCount: 40,
    offered: false,
  })
  const printed = (windows: readonly ReportedWindow[], words: string) => {
    const detection = {
      type: 'labelling',
      name_ko: words,
      name_en: words,
      severity: 'low',
      confidence: 1,
      examples: [],
    } as const
    const session = { sessionId: 's', labels: {}, startedAt: STARTED_AT, endedAt: STARTED_AT + 86_400_000 }
    const finding = { at: STARTED_AT, detections: [detection], intervention: null, isCrisis: false }
    const rows = { windows, voice: [], findings: [finding], conversations: 0 }
    const content = buildReport({ ...session, language: 'ko' }, rows)
    return {
      reportId: null,
      generatedAt: STARTED_AT,
      intervalMs: INTERVAL_MS,
      timezone: 'Asia/Seoul',
      crisisLines: [],
      ...content,
    }
  }
  const bytesOf = async (stream: AsyncIterable<Buffer>) => {
    const parts: Buffer[] = []
    for await (const part of stream) parts.push(part)
    return Buffer.concat(parts)
  }
  const printer = createPrinter()
  t.teardown(() => printer.close())

  t.test('draws each window at its position, also after one that was closed early', async (t) => {
    const early = { ...window(1), closedAt: STARTED_AT + 4000 }
    const last = { ...window(11), closedAt: STARTED_AT + 103_000 }
    const places = drawnWindows(printed([early, window(2), window(10), last], 'x')).map(({ from, to }) => [
      from,
      to,
    ])
    t.same(places, [
      [0, 4000],
      [10_000, 20_000],
      [90_000, 100_000],
      [100_000, 103_000],
    ])
    t.same(drawnWindows(printed([], 'x')), [])
  })

  t.test('writes a whole day, and its size is bounded', async (t) => {
    const day = Array.from({ length: 8640 }, (_, i) => window(i + 1))
    const bytes = await bytesOf(await printer.print(printed(day, 'x')))
    t.ok(bytes.length < 500_000, `${bytes.length} bytes`)
    t.equal(readPdf(bytes).pages, 2)
  })

  t.test('prints no box for missing glyphs, and breaks words that are too long', async (t) => {
    const hostile = `😀\u0000\u202e漢${'가'.repeat(3000)}`
    const { text } = readPdf(await bytesOf(await printer.print(printed([window(1)], hostile))))
    t.notMatch(text, /[😀漢\u0000\u202e?]/u)
    t.match(text, /가{20}…/)
  })

  t.test('rejects when a document cannot be written, and writes the next', async (t) => {
    const broken = { ...printed([window(1)], 'x'), vadTimeline: null } as unknown as Parameters<
      typeof printer.print
    >[0]
    await t.rejects(printer.print(broken))
    t.ok((await bytesOf(await printer.print(printed([window(1)], 'x')))).length > 10_000)
  })

  t.test('a lost thread is reported as busy, and the next document gets a new one', async (t) => {
    const threads: Worker[] = []
    let isOutOfThreads = false
    const fragile = createPrinter(() => {
      if (isOutOfThreads) throw new Error('no more threads')
      const thread = startWriter()
      threads.push(thread)
      return thread
    })
    t.teardown(() => fragile.close())
    const one = printed([window(1)], 'x')
    const lost = fragile.print(one)
    const behind = fragile.print(one)
    const rejection = t.rejects(lost, { code: 'SERVER_BUSY', retryAfter: Number })
    await new Promise((resolve) => setImmediate(resolve)) // a job begins a moment after it was taken
    t.equal(threads.length, 1)
    await threads[0]?.terminate()
    await rejection
    t.ok((await bytesOf(await behind)).length > 10_000, 'who waits behind is served by the next thread')
    const odd = { ...one, reportId: () => 'not to be handed over' } as unknown as typeof one
    await t.rejects(fragile.print(odd), { name: 'DataCloneError' })
    const many = await Promise.allSettled(Array.from({ length: 40 }, () => fragile.print(one)))
    const written = many.flatMap((each) => (each.status === 'fulfilled' ? [bytesOf(each.value)] : []))
    t.ok(written.length >= 16, `${written.length} were written`)
    t.ok((await Promise.all(written)).every(({ length }) => length > 10_000))
    const refused = many.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
    t.ok(refused.length > 0 && refused.length < 40)
    t.ok(refused.every((reason) => reason.code === 'SERVER_BUSY'))
    t.equal(threads.length, 2)
    await threads[1]?.terminate()
    isOutOfThreads = true
    await t.rejects(fragile.print(one), { code: 'SERVER_BUSY', retryAfter: Number })
  })

  t.test('writes for several callers, each document complete', async (t) => {
    const one = printed([window(1)], 'x')
    const alone = await bytesOf(await printer.print(one))
    const all = await Promise.all(Array.from({ length: 6 }, async () => bytesOf(await printer.print(one))))
    t.ok(all.every((each) => each.equals(alone)))
  })

  t.test('accepts no documents after it is closed', async (t) => {
    const closed = createPrinter()
    const cut = closed.print(printed([window(1)], 'x'))
    const rejection = t.rejects(cut)
    await closed.close()
    await rejection
    await t.rejects(closed.print(printed([window(1)], 'x')), { code: 'SERVER_BUSY' })
  })
})

t.test('every text of the document exists in every language', (t) => {
  const texts = (value: unknown): string[] => {
    if (typeof value === 'string') return [value]
    if (typeof value === 'function') return [String((value as (...args: unknown[]) => unknown)(2, 2, 2))]
    return Object.values(value as object).flatMap(texts)
  }
  const places = (value: unknown): string[] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => [
          key,
          ...places(inner).map((place) => `${key}.${place}`),
        ])
      : []
  t.same(places(LABELS.ko), places(LABELS.en))
  for (const text of texts(LABELS.ko)) t.match(text, /\p{Script=Hangul}/u)
  for (const text of texts(LABELS.en)) t.notMatch(text, /\p{Script=Hangul}|undefined|^$/u)
  t.end()
})
