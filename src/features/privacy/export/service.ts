import type { Orm } from '../../../db/orm.ts'
import { decodeMeasures } from '../../../domain/face/encoding.ts'
import { decodeLearnt, NOTHING_LEARNT } from '../../../domain/face/learnt.ts'
import { BASELINE, exchangeRow, findingRow, windowRow } from '../../../domain/sealed-rows.ts'
import { AppError } from '../../../errors.ts'
import { type Safe, SealError } from '../../../lib/sealing.ts'
import type { ExportRepository } from './repository.ts'

type Dependencies = {
  readonly orm: Orm
  readonly repository: ExportRepository
  readonly safeOf: (userId: number) => Promise<Safe>
  readonly pseudonymOf: (userId: number) => Promise<string | undefined>
}

/** Rows that are in memory at a time. */
const PAGE = 200

/** A field that cannot be opened does not keep the rest from its owner. */
function readable<T>(open: () => T): T | { readonly unreadable: string } {
  try {
    return open()
  } catch (error) {
    if (error instanceof SealError) return { unreadable: error.reason }
    throw error
  }
}

/** A row without what only the database needs. */
function without<Row extends object, Key extends keyof Row>(
  row: Row,
  ...keys: readonly Key[]
): Omit<Row, Key> {
  const entries = Object.entries(row).filter(([key]) => !keys.some((left) => left === key))
  return Object.fromEntries(entries) as Omit<Row, Key> // the same row, fewer fields
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

/** Measures as names and numbers; bytes of an older kind as they are. */
const toMeasures = (bytes: Uint8Array) => decodeMeasures(bytes) ?? { base64: base64(bytes) }

/** The same of the neutral face that a person's next session begins with. */
const toNeutralFace = (bytes: Uint8Array) => decodeLearnt(bytes).baseline ?? { base64: base64(bytes) }

/** And of what a session has learnt: of the camera, the neutral face, and those that it was given. */
const toLearnt = (bytes: Uint8Array) => {
  const learnt = decodeLearnt(bytes)
  return learnt === NOTHING_LEARNT ? { base64: base64(bytes) } : learnt
}

/** Every row, page by page, each read when the one before has been taken: a slow reader holds no connection. */
async function* paged<Place, Row extends Place>(
  read: (after: Place | undefined, limit: number) => Promise<Row[]>,
) {
  for (let after: Place | undefined; ; ) {
    const rows = await read(after, PAGE)
    yield* rows
    after = rows.at(-1)
    if (rows.length < PAGE) return
  }
}

/** A JSON list as text, element by element. */
async function* listOf<Row>(
  rows: AsyncIterable<Row>,
  write: (row: Row) => AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<string> {
  let separator = '['
  for await (const row of rows) {
    yield separator
    yield* write(row)
    separator = ','
  }
  yield separator === '[' ? '[]' : ']'
}

const asJson =
  <Row>(view: (row: Row) => unknown) =>
  (row: Row): string[] => [JSON.stringify(view(row))]

/** Without the closing brace, for something is to follow. */
const opened = (view: object): string => JSON.stringify(view).slice(0, -1)

/** Everything that is kept of a person, as one JSON document that is read from the database while it is written. */
export function createExport({ orm, repository, safeOf, pseudonymOf }: Dependencies) {
  const sessionText = (safe: Safe) =>
    async function* (session: Awaited<ReturnType<ReturnType<ExportRepository['listSessions']>>>[number]) {
      const { id, baseline, ...row } = without(session, 'endAnswer', 'userId', 'leaseOwner')
      yield opened({
        ...row,
        id,
        baseline: baseline === null ? null : readable(() => toLearnt(safe.open(baseline, BASELINE))),
      })
      yield ',"windows":'
      yield* listOf(
        paged(repository.listWindows(orm, id)),
        asJson(({ sessionId, measures, sttSnippet, intervention, ...window }) => {
          const name = windowRow(sessionId, window.window)
          return {
            ...window,
            measures: readable(() => toMeasures(safe.open(measures, 'emotion_windows.measures', name))),
            sttSnippet:
              sttSnippet === null
                ? null
                : readable(() => safe.open(sttSnippet, 'emotion_windows.stt_snippet', name)),
            intervention:
              intervention &&
              readable(() => safe.openJson(intervention, 'emotion_windows.intervention', name)),
          }
        }),
      )
      yield ',"voice":'
      yield* listOf(
        paged(repository.listVoice(orm, id)),
        asJson(({ sessionId, measures, ...row }) => {
          const name = windowRow(sessionId, row.window)
          return {
            ...row,
            measures: readable(() => safe.openJson(measures, 'voice_windows.measures', name)),
          }
        }),
      )
      yield ',"findings":'
      yield* listOf(
        paged(repository.listFindings(orm, id)),
        asJson(({ detections, intervention, ...row }) => {
          const name = findingRow(row.sessionId, row.at)
          return {
            ...without(row, 'sessionId', 'id'),
            detections: readable(() => safe.openJson(detections, 'cbt_findings.detections', name)),
            intervention:
              intervention && readable(() => safe.openJson(intervention, 'cbt_findings.intervention', name)),
          }
        }),
      )
      yield ',"conversations":'
      yield* listOf(
        paged(repository.listExchanges(orm, id)),
        asJson(({ message, response, ...row }) => {
          const exchange = without(row, 'id', 'sessionId')
          const name = exchangeRow(row.sessionId, row.createdAt)
          return {
            ...exchange,
            message: readable(() => safe.open(message, 'conversations.message', name)),
            response: readable(() => safe.open(response, 'conversations.response', name)),
          }
        }),
      )
      const report = await repository.findReport(orm, id)
      const content = report && readable(() => safe.openJson(report.content, 'reports.content', id))
      yield `,"report":${JSON.stringify(content ?? null)}}`
    }

  return {
    /**
     * The document in pieces. Nothing is yielded, and the promise rejects, when there is no such person.
     * @throws UNAUTHORIZED
     */
    async begin(userId: number): Promise<AsyncGenerator<string>> {
      const account = await repository.findAccount(orm, userId)
      if (account === undefined) throw new AppError('UNAUTHORIZED')
      const safe = await safeOf(userId)
      const subject = await pseudonymOf(userId)
      return write(account, safe, subject)
    },
  }

  async function* write(
    account: NonNullable<Awaited<ReturnType<ExportRepository['findAccount']>>>,
    safe: Safe,
    subject: string | undefined,
  ): AsyncGenerator<string> {
    const userId = account.id
    const baseline = await repository.findBaseline(orm, userId)
    yield `{"success":true,"data":${opened({
      exportedAt: new Date(),
      account,
      preferences: await repository.findPreferences(orm, userId),
      baseline:
        baseline === undefined
          ? null
          : {
              updatedAt: baseline.updatedAt,
              ...readable(() => toNeutralFace(safe.open(baseline.measures, BASELINE))),
            },
    })}`
    yield ',"devices":'
    yield* listOf(
      paged(repository.listDevices(orm, userId)),
      asJson((device) => device),
    )
    yield ',"consents":'
    yield* listOf(
      paged(repository.listConsents(orm, userId)),
      asJson((row) => without(row, 'id', 'userId')),
    )
    yield ',"sessions":'
    yield* listOf(paged(repository.listSessions(orm, userId)), sessionText(safe))
    yield ',"counselings":'
    yield* listOf(
      paged(repository.listCounselings(orm, userId)),
      asJson(({ notes, survey, ...row }) => ({
        ...without(row, 'id', 'userId'),
        notes: notes === null ? null : readable(() => safe.open(notes, 'counselings.notes')),
        survey: survey === null ? null : readable(() => safe.openJson(survey, 'counselings.survey')),
      })),
    )
    yield ',"feedback":'
    yield* listOf(
      paged(repository.listFeedback(orm, userId)),
      asJson(({ note, ...row }) => ({
        ...without(row, 'id', 'userId'),
        note: note === null ? null : readable(() => safe.open(note, 'feedbacks.note')),
      })),
    )
    yield ',"auditTrail":'
    yield* listOf(
      paged(repository.listTrail(orm, subject ?? '')),
      asJson((row) => without(row, 'chain', 'place')),
    )
    yield '}}'
  }
}

export type Export = ReturnType<typeof createExport>
