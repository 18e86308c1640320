import type { Test } from 'tap'
import { connect, type TestSocket } from '../../helpers/app.ts'
import { eventually } from '../../helpers/eventually.ts'
import {
  type Fleet,
  type Instance,
  type StartedSession,
  startFleet,
  uncommittedAnswers,
  type WindowRow,
} from '../../helpers/fleet.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../../helpers/gemini-double.ts'
import { answer, HAPPY, type Step } from '../../helpers/gemini-steps.ts'
import { hasMoved, keyOf } from '../../helpers/ledger.ts'
import { createMoments } from '../../helpers/moments.ts'
import { type Person, signUp } from '../../helpers/person.ts'
import { startReplicatedPostgres } from '../../helpers/replicated-postgres.ts'
import { openClient, type WebClient } from '../../helpers/web-client.ts'

export const INTERVAL_MS = 1000

/**
 * What is committed after `detached` will be lost. At `promoted` the former standby serves, and only the second instance
 * reaches it; at `recovered` both do.
 */
const MOMENTS = ['detached', 'promoted', 'recovered'] as const
type Moment = (typeof MOMENTS)[number]

const LABELS = ['happy', 'sad', 'angry', 'anxious', 'neutral', 'surprised']

/** A model of which no two answers in a row are alike: a window that is answered twice is told twice. */
function everChanging(): Step {
  let asked = 0
  return (request, response) => {
    const reading = { ...HAPPY, emotion: LABELS[asked++ % LABELS.length] }
    return answer(request.streaming ? 'I am listening.' : reading)(request, response)
  }
}

/** Two instances on a database that fails over. */
export async function setStage(t: Test) {
  const gemini = await createGeminiDouble(t, [everChanging()])
  const postgres = await startReplicatedPostgres(t)
  const fleet = await startFleet(
    t,
    2,
    {
      ANALYSIS_INTERVAL_MS: String(INTERVAL_MS),
      LEASE_MS: '5000',
      WS_PING_INTERVAL_MS: '5000',
      SESSION_GRACE_MS: '2000',
      REQUIRE_CONSENT: 'true',
      DATA_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}`,
      GEMINI_API_KEY: DOUBLE_KEY,
      GEMINI_BASE_URL: gemini.baseUrl,
      GEMINI_MODELS: 'gemini-2.5-flash-lite',
      GEMINI_TIMEOUT_MS: '3000',
    },
    postgres,
  )
  const [a, b] = fleet.instances as [Instance, Instance] // as many as were asked for
  const moments = createMoments(MOMENTS)

  return {
    postgres,
    fleet,
    a,
    b,
    moments,

    /** Somebody who lets their face be read. */
    person: async (): Promise<Person> => {
      const person = await signUp(a)
      await person.consent(a)
      return person
    },

    /** A scenario in a subtest of its own, beside the others. */
    scenario: (name: string, play: (t: Test, until: (moment: Moment) => Promise<void>) => Promise<void>) => {
      const party = moments.join()
      return t.test(name, { buffered: true }, async (t) => {
        try {
          await play(t, party.until)
        } finally {
          party.leave()
        }
      })
    },
  }
}

export type Stage = Awaited<ReturnType<typeof setStage>>

/** Many stream here at once: half as many frames as a camera makes. */
const FRAME_EVERY_MS = 200

export const streamTo = (
  t: Test,
  session: StartedSession,
  instance: Instance,
  protocol?: 'maeum.v2',
): WebClient =>
  openClient(t, {
    session,
    instances: [instance],
    everyMs: FRAME_EVERY_MS,
    ...(protocol === undefined ? {} : { protocol }),
  })

/** A socket, opened again for as long as the server asks to come back later. */
export async function socketOf(
  t: Test,
  { origin }: Instance,
  channel: 'landmarks' | 'voice' | 'session',
  { id }: StartedSession,
): Promise<TestSocket> {
  const open = () =>
    connect(t, `${origin.replace('http', 'ws')}/ws/${channel}/${id}`).catch((error: unknown) => {
      if (String(error).includes('503')) return undefined
      throw error
    })
  const socket = await eventually(open, (opened) => opened !== undefined)
  if (socket === undefined) throw new Error('no socket')
  return socket
}

/** Until this instance answers its readiness so. */
export const isReady = ({ origin }: Instance, status: 200 | 503) =>
  eventually(
    async () => (await fetch(`${origin}/api/health/ready`)).status,
    (seen) => seen === status,
  )

type AnswerRow = Pick<WindowRow, 'id' | 'window'> & { readonly emotion: string }

/** What each window was last told as, by one client after the other. */
const toldBy = (clients: readonly WebClient[]) =>
  new Map(
    clients.flatMap(({ sockets, session }) =>
      sockets.flatMap(({ messages }) =>
        messages
          .filter(({ type, data }) => type === 'emotion_update' && data['revision'] !== 2)
          .map(
            ({ data }) =>
              [`${session.id.slice(-4)} ${Number(data['window'])}`, String(data['emotion'])] as const,
          ),
      ),
    ),
  )

/**
 * Every window that was sent is stored with the label that was sent; in shared sessions the label may be another where the
 * answer was sent before its commit.
 */
export async function agrees(
  t: Test,
  { database, instances }: Fleet,
  clients: readonly WebClient[],
  shared: readonly WebClient[] = clients.filter(hasMoved),
): Promise<void> {
  const rows = await database.sql<AnswerRow[]>`
    select session_id as id, "window", emotion from emotion_windows
    where session_id in ${database.sql(clients.map(({ session }) => session.id))}`
  const stored = new Map(rows.map(({ id, window, emotion }) => [`${id.slice(-4)} ${window}`, emotion]))
  const early = shared.flatMap(({ session }) =>
    uncommittedAnswers(instances, session).map((window) => keyOf({ id: session.id, window })),
  )
  const other = [...toldBy(clients)].filter(
    ([window, emotion]) => stored.get(window) !== emotion && !(stored.has(window) && early.includes(window)),
  )
  t.same(
    other.map(([window, emotion]) => `${window}: told ${emotion}, stored ${stored.get(window) ?? 'nothing'}`),
    [],
    'rows and sockets say the same',
  )
}
