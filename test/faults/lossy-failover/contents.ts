import driver from 'postgres'
import { createChainHash } from '../../../src/features/audit/chain.ts'
import { auditRepository } from '../../../src/features/audit/repository.ts'
import { verifyTrail } from '../../../src/features/audit/verify.ts'
import { eventually } from '../../helpers/eventually.ts'
import { FLEET_SECRET } from '../../helpers/fleet.ts'
import { type Stage, socketOf, streamTo } from './stage.ts'

const HOLD = 4711

/** What people and the instances themselves write down. */
export function contentScenarios({ a, b, postgres, person, scenario }: Stage) {
  const bill = async () => {
    const [row] = await postgres.sql`
      select coalesce(sum(requests), 0) as requests, coalesce(sum(cost_micro_usd), 0) as cost from model_usage`
    return { requests: Number(row?.['requests']), cost: Number(row?.['cost']) }
  }

  void scenario('preferences, feedback, appointments and tickets that were lost', async (t, until) => {
    const owner = await person()
    const session = await owner.start(a)
    const prefer = (fontScale: string) =>
      owner.ask(a, 'PUT', '/api/user/preferences', { preferences: { fontScale } })
    const submit = () =>
      owner.ask(b, 'POST', `/api/session/${session.id}/feedback`, { rating: 4, note: 'calm' })
    const book = () => owner.ask(a, 'POST', '/api/counselings', { type: 'video', notes: 'the first one' })
    const order = () => owner.ask(b, 'POST', `/api/session/${session.id}/ticket`, { channel: 'landmarks' })
    t.equal((await prefer('lg')).status, 200)
    await until('detached')
    t.equal((await prefer('sm')).status, 200)
    t.equal((await submit()).status, 201)
    const booked = await book()
    t.equal(booked.status, 201)
    t.equal((await order()).status, 201)
    await until('recovered')
    for (const instance of [a, b]) {
      t.match(await owner.get(instance, '/api/user/preferences'), { fontScale: 'lg' })
      t.equal((await owner.ask(instance, 'GET', `/api/counselings/${String(booked.data['id'])}`)).status, 404)
    }
    t.equal((await prefer('sm')).status, 200)
    t.match(await owner.get(b, '/api/user/preferences'), { fontScale: 'sm' })
    t.equal((await submit()).status, 201)
    t.equal((await book()).status, 201)
    t.equal((await order()).status, 201)
    const rows = await postgres.sql`select 1 from feedbacks where session_id = ${session.id}`
    t.equal(rows.length, 1)
  })

  void scenario('a conversation goes on after a message that was lost', async (t, until) => {
    const owner = await person()
    const session = await owner.start(a)
    const talk = await socketOf(t, a, 'session', session)
    const voice = await socketOf(t, b, 'voice', session)
    const ask = async (message: string) => {
      talk.send({ type: 'request_ai_response', data: { message, emotion: null, timestamp: Date.now() } })
      t.match((await talk.next('ai_stream_complete')).data, { fullResponse: /./ })
    }
    const say = async (text: string) => {
      voice.send({ type: 'stt_text', data: { text } })
      t.match((await voice.next('stt_received')).data, { text })
    }
    await ask('I slept well')
    await until('detached')
    await ask('but I dreamt')
    await say('of the sea')
    await until('recovered')
    await ask('and woke up early')
    await say('it was still dark')
    const rows = () => postgres.sql`select 1 from conversations where session_id = ${session.id}`
    await eventually(rows, ({ length }) => length >= 2)
    t.equal((await rows()).length, 2, 'the first one and the new one')
  })

  void scenario('a report that was lost is made again, once', async (t, until) => {
    const owner = await person()
    const session = await owner.start(a)
    const client = streamTo(t, session, a)
    await client.receives(1)
    await postgres.sql.unsafe(`
      create function hold_report() returns trigger language plpgsql as $$ begin
        if new.session_id = '${session.id}' then perform pg_advisory_xact_lock_shared(${HOLD}); end if;
        return new;
      end $$;
      create trigger hold_report before insert on reports for each row execute function hold_report()`)
    const holder = driver(postgres.url, { max: 1, onnotice: () => undefined })
    t.teardown(() => holder.end({ timeout: 0 }))
    await holder`select pg_advisory_lock(${HOLD})`
    await owner.post(a, `/api/session/${session.id}/end`)
    const waiting = () => postgres.sql`select 1 from pg_locks where locktype = 'advisory' and not granted`
    await eventually(waiting, ({ length }) => length > 0)

    await until('detached')
    await holder`select pg_advisory_unlock(${HOLD})`
    const report = () => owner.get(b, `/api/session/${session.id}/report`)
    const made = await eventually(report, ({ reportId }) => typeof reportId === 'string')
    await until('recovered')
    t.same(
      await postgres.sql`select finalised_at from sessions where id = ${session.id} and finalised_at < ${new Date(Number(made['generatedAt'])).toISOString()}`,
      [],
    )
    const again = await eventually(report, ({ reportId }) => typeof reportId === 'string')
    t.same(again['statistics'], made['statistics'])
    const reports = await postgres.sql`select 1 from reports where session_id = ${session.id}`
    t.equal(reports.length, 1)
  })

  void scenario('the bill of the models goes on', async (t, until) => {
    const owner = await person()
    const client = streamTo(t, await owner.start(a), b)
    await client.receives(1)
    const kept = await bill()
    await until('detached')
    await client.receives(1)
    await until('recovered')
    await eventually(bill, ({ requests }) => requests > kept.requests)
    t.ok((await bill()).cost > 0)
  })

  void scenario('the audit trail is whole, or says what it lacks', async (t, until) => {
    const owner = await person()
    await until('detached')
    for (const instance of [a, b]) t.equal((await owner.logIn(instance)).status, 200)
    const written = () => postgres.sql`select 1 from audit_log where event = 'authn_login_success'`
    await eventually(written, ({ length }) => length >= 2)
    await until('recovered')
    for (const instance of [a, b]) t.equal((await owner.logIn(instance)).status, 200)
    const verify = () =>
      verifyTrail({
        orm: postgres.orm,
        repository: auditRepository,
        hashes: [createChainHash(FLEET_SECRET)],
      })
    const healed = () => eventually(verify, (verdict) => verdict.findings.length === 0)
    const { findings } = await healed().catch(healed).catch(verify) // it is looked after once a minute
    t.same(findings, [])
  })
}
