import { eventually } from '../../helpers/eventually.ts'
import type { Instance } from '../../helpers/fleet.ts'
import { keyOf, settle } from '../../helpers/ledger.ts'
import { allReceive, type WebClient } from '../../helpers/web-client.ts'
import { agrees, INTERVAL_MS, type Stage, socketOf, streamTo } from './stage.ts'

const LEDGER = { intervalMs: INTERVAL_MS, handedOver: false, maySendEarly: true }

/** Whether this is what the client was told last of its session's state. */
const isTold = ({ sockets }: WebClient, type: string) =>
  sockets[0]?.messages.findLast((message) => message.type.startsWith('session_'))?.type === type

/** How this socket of the client was closed, once it was. */
const closing = ({ sockets }: WebClient, place = 0) =>
  eventually(
    () => sockets[place]?.closed,
    (closed) => closed !== undefined,
  )

/** Life of sessions and of their sockets. */
export function sessionScenarios({ a, b, fleet, postgres, person, scenario }: Stage) {
  void scenario('streams go on, and windows that vanished are stored again', async (t, until) => {
    const owner = await person()
    const open = async (instance: Instance, protocol?: 'maeum.v2') =>
      streamTo(t, await owner.start(a), instance, protocol)
    const kept = [await open(a), await open(a, 'maeum.v2'), await open(b), await open(b, 'maeum.v2')]
    const unclaimed = [await owner.start(a), await owner.start(a)]
    const [first, second] = [await open(a), await open(b)]
    await allReceive([...kept, first, second], 1)

    await until('detached')
    const claimedLate = unclaimed.map((session, place) => streamTo(t, session, place === 0 ? a : b))
    // The open window of the older owner goes with it: what it had of that window is not counted on.
    for (const [client, instance] of [
      [first, b],
      [second, a],
    ] as const) {
      client.loses()
      client.moveTo(instance)
    }
    const all = [...kept, ...claimedLate, first, second]
    await allReceive(all, 2)

    await until('recovered')
    await allReceive(all, 2)
    const { twice } = await settle(t, fleet, all, LEDGER)
    // What a former owner has sent may be sent again where its mark came too late.
    const moved = [first, second].map(({ session }) => keyOf({ id: session.id, window: 0 }).split(' ')[0])
    t.same(
      twice.filter(({ key }) => !moved.includes(key.split(' ')[0])),
      [],
      'nothing came twice',
    )
    await agrees(t, fleet, all)
    const closed = [...kept, ...claimedLate].flatMap(({ sockets }) => sockets.filter((one) => one.closed))
    t.same(
      closed.map((socket) => socket.closed),
      [],
      'sockets have lived through it',
    )
    const isLater = (refusal: string) => /503|timed out/.test(refusal)
    t.same(
      [...first.refusals, ...second.refusals].filter((refusal) => !isLater(refusal)),
      [],
    )
  })

  void scenario(
    'a session that another instance claims after a lost claim has one owner',
    async (t, until) => {
      const owner = await person()
      const session = await owner.start(a)
      await until('detached')
      const older = streamTo(t, session, a)
      await older.receives(1)
      await until('promoted')
      const newer = streamTo(t, session, b)
      await newer.receives(1)
      await until('recovered')
      // By the next renewal of its leases the first instance knows.
      const after = Date.now() + 2 * INTERVAL_MS
      await eventually(
        () => newer.updates().filter(({ at }) => at > after).length,
        (count) => count >= 3,
      )
      t.same(
        older.updates().flatMap(({ at, window }) => (at > after ? [window] : [])),
        [],
        'the other socket is sent none of its windows',
      )
      newer.stream(false)
      older.stream(false)
      const mine = new Set(newer.windows())
      await eventually(
        () => fleet.rows([session]),
        (rows) => [...mine].every((window) => rows.some((row) => row.window === window)),
      )
      await agrees(t, fleet, [newer], [newer])
    },
  )

  void scenario('a pause that was lost', async (t, until) => {
    const owner = await person()
    const session = await owner.start(a)
    const client = streamTo(t, session, a)
    await client.receives(1)
    await until('detached')
    await owner.post(b, `/api/session/${session.id}/pause`)
    await eventually(() => isTold(client, 'session_paused'), Boolean)
    client.stream(false)
    await until('recovered')
    t.match(await owner.get(b, `/api/session/${session.id}`), { status: 'active' })
    client.stream(true)
    await client.receives(2)
    client.stream(false)
    await owner.post(b, `/api/session/${session.id}/pause`)
    await owner.post(b, `/api/session/${session.id}/resume`)
    client.stream(true)
    await client.receives(1)
    await settle(t, fleet, [client], LEDGER)
  })

  void scenario('a resumption that was lost', async (t, until) => {
    const owner = await person()
    const session = await owner.start(a)
    const client = streamTo(t, session, b)
    await client.receives(1)
    await owner.post(a, `/api/session/${session.id}/pause`)
    await eventually(() => isTold(client, 'session_paused'), Boolean)
    await until('detached')
    await owner.post(a, `/api/session/${session.id}/resume`)
    await client.receives(1)
    await until('recovered')
    t.match(await owner.get(b, `/api/session/${session.id}`), { status: 'paused' })
    await eventually(() => isTold(client, 'session_paused'), Boolean)
    t.match(await owner.post(b, `/api/session/${session.id}/resume`), { status: 'active' })
    await client.receives(2)
  })

  for (const [instance, where] of [
    [a, 'another instance'],
    [b, 'the same instance'],
  ] as const)
    void scenario(`an end on ${where} that was lost`, async (t, until) => {
      const owner = await person()
      const session = await owner.start(a)
      const client = streamTo(t, session, instance)
      await client.receives(1)
      await until('detached')
      await owner.post(b, `/api/session/${session.id}/end`)
      t.match(await closing(client), { code: 1000, reason: 'SESSION_ENDED' })
      t.match(await closing(client, 1), { code: 1008, reason: 'SESSION_ENDED' })
      await until('recovered')
      t.match(await owner.get(b, `/api/session/${session.id}`), { status: 'active' })
      await client.receives(2)
      const again = client.sockets.length - 1
      await owner.post(a, `/api/session/${session.id}/end`)
      t.match(await closing(client, again), { code: 1000, reason: 'SESSION_ENDED' })
      client.leave()
      const report = () => owner.get(b, `/api/session/${session.id}/report`)
      await eventually(report, ({ reportId }) => typeof reportId === 'string')
      const reports = await postgres.sql`select 1 from reports where session_id = ${session.id}`
      t.equal(reports.length, 1, 'one report')
    })

  void scenario('a session that vanished', async (t, until) => {
    const owner = await person()
    await until('detached')
    const session = await owner.start(a)
    const client = streamTo(t, session, a)
    const watcher = await socketOf(t, b, 'session', session)
    await client.receives(1)
    await until('recovered')
    t.match(await closing(client), { code: 1008, reason: 'SESSION_NOT_FOUND' })
    t.match(client.sockets[0]?.messages.at(-1), { type: 'error', data: { action: 'new_session' } })
    t.match(await watcher.closed, { code: 1008, reason: 'SESSION_NOT_FOUND' })
    client.leave()
    for (const instance of [a, b])
      t.equal((await owner.ask(instance, 'GET', `/api/session/${session.id}`)).status, 404)
    const next = streamTo(t, await owner.start(b), a)
    await next.receives(1)
  })

  void scenario('the deletion of a session that was lost', async (t, until) => {
    const owner = await person()
    const session = await owner.start(a)
    const client = streamTo(t, session, b)
    await client.receives(1)
    const remove = (instance: Instance) => owner.ask(instance, 'DELETE', `/api/session/${session.id}`)
    await until('detached')
    t.equal((await remove(a)).status, 200)
    t.match(await closing(client), { code: 1008, reason: 'SESSION_NOT_FOUND' })
    await until('recovered')
    await client.receives(1)
    t.equal((await remove(a)).status, 200)
    client.leave()
    for (const instance of [a, b])
      t.equal((await owner.ask(instance, 'GET', `/api/session/${session.id}`)).status, 404)
    t.same(await fleet.rows([session]), [])
  })
}
