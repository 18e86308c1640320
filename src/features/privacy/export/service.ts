import type { Orm } from '../../../db/orm.ts'
import { SEALED } from '../../../db/sealed-columns.ts'
import { decodeMeasures } from '../../../domain/face/encoding.ts'
import { decodeLearnt, NOTHING_LEARNT } from '../../../domain/face/learnt.ts'
import { AppError } from '../../../protocol/errors.ts'
import { type Safe, SealError } from '../../../lib/sealing.ts'
import type { ExportRepository } from './repository.ts'

type Dependencies = {
  readonly orm: Orm
  readonly repository: ExportRepository
  readonly safeOf: (userId: number) => Promise<Safe>
  readonly pseudonymOf: (userId: number) => Promise<string | undefined>
}

/** Rows per query. */
const PAGE_SIZE = 200

/** A field that cannot be decrypted is exported as `unreadable`. */
function readable<T>(open: () => T): T | { readonly unreadable: string } {
  try {
    return open()
  } catch (error) {
    if (error instanceof SealError) return { unreadable: error.reason }
    throw error
  }
}

/** The row without these keys. */
function without<Row extends object, Key extends keyof Row>(
  row: Row,
  ...keys: readonly Key[]
): Omit<Row, Key> {
  const entries = Object.entries(row).filter(([key]) => !keys.some((left) => left === key))
  return Object.fromEntries(entries) as Omit<Row, Key> // the same row, fewer fields
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

/** Measures as names and numbers; bytes of an unknown format as base64. */
const toMeasures = (bytes: Uint8Array) => decodeMeasures(bytes) ?? { base64: base64(bytes) }

/** The stored baseline of the user. */
const toNeutralFace = (bytes: Uint8Array) => decodeLearnt(bytes).baseline ?? { base64: base64(bytes) }

/** What a session has learnt: the camera, its own baseline and the ones it was given. */
const toLearnt = (bytes: Uint8Array) => {
  const learnt = decodeLearnt(bytes)
  return learnt === NOTHING_LEARNT ? { base64: base64(bytes) } : learnt
}

/** Every row. A page is read when the one before was consumed, so a slow reader holds no connection. */
async function* readPages<Place, Row extends Place>(
  read: (after: Place | undefined, limit: number) => Promise<Row[]>,
) {
  for (let after: Place | undefined; ; ) {
    const rows = await read(after, PAGE_SIZE)
    yield* rows
    after = rows.at(-1)
    if (rows.length < PAGE_SIZE) return
  }
}

/** A JSON list as text, element by element. */
async function* writeList<Row>(
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

/** Without the closing brace; more fields follow. */
const openObject = (view: object): string => JSON.stringify(view).slice(0, -1)

/** All stored data of a user as one JSON document, read from the database while it is written. */
export function createExport({ orm, repository, safeOf, pseudonymOf }: Dependencies) {
  const sessionText = (safe: Safe) =>
    async function* (session: Awaited<ReturnType<ReturnType<ExportRepository['listSessions']>>>[number]) {
      const { id, baseline, ...row } = without(session, 'endAnswer', 'userId', 'leaseOwner')
      yield openObject({
        ...row,
        id,
        baseline:
          baseline === null
            ? null
            : readable(() => toLearnt(safe.open(baseline, SEALED.sessions.baseline.at()))),
      })
      yield ',"windows":'
      yield* writeList(
        readPages(repository.listWindows(orm, id)),
        asJson((row) => {
          const { measures, sttSnippet, intervention, ...window } = without(row, 'sessionId')
          const sealed = SEALED.emotionWindows
          return {
            ...window,
            measures: readable(() => toMeasures(safe.open(measures, sealed.measures.at(row)))),
            sttSnippet:
              sttSnippet === null ? null : readable(() => safe.open(sttSnippet, sealed.sttSnippet.at(row))),
            intervention:
              intervention && readable(() => safe.openJson(intervention, sealed.intervention.at(row))),
          }
        }),
      )
      yield ',"voice":'
      yield* writeList(
        readPages(repository.listVoice(orm, id)),
        asJson((row) => ({
          ...without(row, 'sessionId'),
          measures: readable(() => safe.openJson(row.measures, SEALED.voiceWindows.measures.at(row))),
        })),
      )
      yield ',"findings":'
      yield* writeList(
        readPages(repository.listFindings(orm, id)),
        asJson((row) => {
          const { detections, intervention, ...finding } = without(row, 'sessionId', 'id')
          const sealed = SEALED.cbtFindings
          return {
            ...finding,
            detections: readable(() => safe.openJson(detections, sealed.detections.at(row))),
            intervention:
              intervention && readable(() => safe.openJson(intervention, sealed.intervention.at(row))),
          }
        }),
      )
      yield ',"conversations":'
      yield* writeList(
        readPages(repository.listExchanges(orm, id)),
        asJson((row) => {
          const { message, response, ...exchange } = without(row, 'id', 'sessionId')
          const sealed = SEALED.conversations
          return {
            ...exchange,
            message: readable(() => safe.open(message, sealed.message.at(row))),
            response: readable(() => safe.open(response, sealed.response.at(row))),
          }
        }),
      )
      const report = await repository.findReport(orm, id)
      const content =
        report && readable(() => safe.openJson(report.content, SEALED.reports.content.at(report)))
      yield `,"report":${JSON.stringify(content ?? null)}}`
    }

  return {
    /**
     * The document in pieces. Rejects when the user does not exist.
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
    yield `{"success":true,"data":${openObject({
      exportedAt: new Date(),
      account,
      preferences: await repository.findPreferences(orm, userId),
      baseline:
        baseline === undefined
          ? null
          : {
              updatedAt: baseline.updatedAt,
              ...readable(() => toNeutralFace(safe.open(baseline.measures, SEALED.baselines.measures.at()))),
            },
    })}`
    yield ',"devices":'
    yield* writeList(
      readPages(repository.listDevices(orm, userId)),
      asJson((device) => device),
    )
    yield ',"consents":'
    yield* writeList(
      readPages(repository.listConsents(orm, userId)),
      asJson((row) => without(row, 'id', 'userId')),
    )
    yield ',"sessions":'
    yield* writeList(readPages(repository.listSessions(orm, userId)), sessionText(safe))
    yield ',"counselings":'
    yield* writeList(
      readPages(repository.listCounselings(orm, userId)),
      asJson(({ notes, survey, ...row }) => ({
        ...without(row, 'id', 'userId'),
        notes: notes === null ? null : readable(() => safe.open(notes, SEALED.counselings.notes.at())),
        survey:
          survey === null ? null : readable(() => safe.openJson(survey, SEALED.counselings.survey.at())),
      })),
    )
    yield ',"feedback":'
    yield* writeList(
      readPages(repository.listFeedback(orm, userId)),
      asJson(({ note, ...row }) => ({
        ...without(row, 'id', 'userId'),
        note: note === null ? null : readable(() => safe.open(note, SEALED.feedbacks.note.at())),
      })),
    )
    yield ',"auditTrail":'
    yield* writeList(
      readPages(repository.listTrail(orm, subject ?? '')),
      asJson((row) => without(row, 'chain', 'place')),
    )
    yield '}}'
  }
}

export type Export = ReturnType<typeof createExport>
