import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { openDatabase } from '../src/db/client.ts'
import { migrate } from '../src/db/migrate.ts'
import { MIGRATIONS } from '../src/db/migration-files.ts'
import { startDumpingPostgres } from '../test/helpers/dumping-postgres.ts'
import type { Bench, Report } from './harness/bench.ts'
import { say } from './harness/report.ts'
import type { Stage } from './harness/stage.ts'

/** `BENCH_WINDOWS` changes the number of windows. */
const WINDOWS = Number(process.env['BENCH_WINDOWS'] ?? 2_000_000)
const PER_SESSION = 500
const SESSIONS_PER_USER = 20
const ROUNDS = 3
const SAMPLE_MS = 50
const KEY = Buffer.alloc(32, 7).toString('base64')
const MIB = 1024 * 1024

type Run = { readonly ms: number; readonly peakMib: number; readonly bytes: number }

/** Highest resident memory of a process so far, in MiB; 0 when it has ended. */
function peakOf({ pid }: ChildProcess): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

/** Runs a program that writes `file`. */
async function time(
  command: readonly string[],
  file: string,
  env: Readonly<Record<string, string>>,
): Promise<Run> {
  await rm(file, { force: true })
  const [program = '', ...args] = command
  const begun = performance.now()
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  let peakMib = 0
  const sampling = setInterval(() => (peakMib = Math.max(peakMib, peakOf(child))), SAMPLE_MS)
  const [code] = (await once(child, 'close')) as [number | null] // null when a signal ended it
  clearInterval(sampling)
  const ms = performance.now() - begun
  if (code !== 0) throw new Error(`${program} ended with ${code}`)
  return { ms, peakMib, bytes: (await stat(file)).size }
}

/** Windows with measures that do not compress, as encrypted ones, and with scores that do. */
async function fill(url: string): Promise<void> {
  const database = await openDatabase({ url, dataDir: '.data', poolMax: 1 })
  const { sql } = database.unhurried
  const sessions = Math.ceil(WINDOWS / PER_SESSION)
  try {
    await sql`set statement_timeout = 0` // the pool has one connection
    await migrate({ sql }, { folder: MIGRATIONS, apply: true })
    await sql`insert into users (username, email, password_hash)
      select 'user' || n, 'user' || n || '@example.com', 'x' from generate_series(1, ${Math.ceil(sessions / SESSIONS_PER_USER)}::int) n`
    await sql`insert into sessions (id, user_id, interval_ms, status, started_at, ended_at, end_reason, finalised_at)
      select 'sess_' || md5(n::text), 1 + (n - 1) / ${SESSIONS_PER_USER}, 10000, 'ended', now() - interval '2 hours', now(), 'requested', now()
      from generate_series(1, ${sessions}::int) n`
    await sql`
      insert into emotion_windows (session_id, "window", closed_at, frames_received, frames_analysed, emotion, confidence,
        uncertain, scores, valence, arousal, dominance, source, model, latency_ms, analyser_version, measures, answered_at,
        delivered_at)
      select 'sess_' || md5((1 + (n - 1) / ${PER_SESSION})::text), 1 + (n - 1) % ${PER_SESSION}, now() + n * interval '10 ms', 100, 40,
        (array['happy', 'sad', 'neutral', 'anxious'])[1 + n % 4], random(), false,
        json_build_object('happy', round(random()::numeric, 4), 'sad', round(random()::numeric, 4), 'angry', 0.01, 'anxious', 0.02,
          'neutral', round(random()::numeric, 4), 'surprised', 0, 'disgusted', 0, 'fearful', 0.05),
        sin(n), cos(n), sin(2 * n), 'local', 'local-1', 12, 'local-3',
        (select string_agg(sha256((n || '-' || k)::bytea), ''::bytea) from generate_series(1, 12) k), now(), now()
      from generate_series(1, ${WINDOWS}::int) n`
    await sql`vacuum analyze`
  } finally {
    await database.close()
  }
}

/** A backup with `maeum backup` and with `pg_dump -Fc`, in turns, of the same database, to a file. */
async function run({ folder, root }: Stage): Promise<Report> {
  const teardowns: (() => unknown)[] = []
  const server = await startDumpingPostgres({ teardown: (end) => void teardowns.unshift(end) }, [
    'shared_buffers=128MB',
    'synchronous_commit=off',
    'max_wal_size=4GB',
  ])
  if (server === undefined)
    throw new Error('pg_dump and a server of its version are needed (Debian: postgresql)')
  try {
    const { url, bin } = server
    await fill(url)
    const file = join(folder, 'backup')
    const node = [process.execPath, join(root, 'dist/cli/main.js')]
    const ours = [...node, 'backup', '--out', file]
    const dump = [join(bin, 'pg_dump'), '-Fc', '-d', url.split('?')[0] ?? '', '-f', file]
    const env = { DATABASE_URL: url, JWT_SECRET: 'a secret for benches, of more than 32 characters' }
    const commands = {
      plain: () => time(ours, file, env),
      encrypted: () => time(ours, file, { ...env, BACKUP_KEY: KEY }),
      dump: () => time(dump, file, {}),
      idle: () =>
        time(
          [process.execPath, '-e', `setTimeout(() => require('fs').writeFileSync('${file}', ''), 300)`],
          file,
          {},
        ),
    }
    const runs: Record<keyof typeof commands, Run[]> = { plain: [], encrypted: [], dump: [], idle: [] }
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, command] of Object.entries(commands) as [
        keyof typeof commands,
        () => Promise<Run>,
      ][]) {
        const done = await command()
        runs[name].push(done)
        say(
          `    ${name}: ${(done.ms / 1000).toFixed(1)} s, ${(WINDOWS / done.ms).toFixed(1)} windows/ms, ` +
            `${(done.bytes / MIB).toFixed(0)} MiB written, peak ${done.peakMib.toFixed(0)} MiB`,
        )
      }
    }
    return toReport(runs)
  } finally {
    for (const end of teardowns) await end()
  }
}

function toReport(runs: Readonly<Record<'plain' | 'encrypted' | 'dump' | 'idle', readonly Run[]>>): Report {
  // The best of several rounds in turns, because other programs on the machine can only slow a round down.
  const rate = (name: keyof typeof runs) => (WINDOWS * 1000) / Math.min(...runs[name].map(({ ms }) => ms))
  const peak = (name: keyof typeof runs) => Math.max(...runs[name].map(({ peakMib }) => peakMib))
  const size = (name: keyof typeof runs) => (runs[name][0]?.bytes ?? 0) / MIB
  const bound = { passes: 'at least', unit: 'times', decides: true } as const
  return {
    figures: [
      { name: 'windows backed up', unit: '/s', ours: rate('plain'), reference: rate('dump') },
      { name: 'windows backed up, encrypted', unit: '/s', ours: rate('encrypted'), reference: rate('dump') },
      { name: 'size', unit: 'MiB', ours: size('plain'), reference: size('dump') },
      {
        name: 'peak memory',
        unit: 'MiB',
        ours: Math.max(peak('plain'), peak('encrypted')),
        reference: peak('dump'),
      },
      { name: 'memory of node alone', unit: 'MiB', ours: peak('idle') },
    ],
    checks: [
      { name: 'rate of pg_dump -Fc', measured: rate('plain') / rate('dump'), bound: 0.8, ...bound },
      { name: 'the same, encrypted', measured: rate('encrypted') / rate('dump'), bound: 0.8, ...bound },
      {
        name: 'peak memory',
        measured: Math.max(peak('plain'), peak('encrypted')),
        bound: 100,
        passes: 'at most',
        unit: 'MiB',
        decides: false,
      },
    ],
    notes: [`${WINDOWS} windows; pg_dump compresses with its default level`],
  }
}

export const backup: Bench = { title: 'a backup of the whole database, and pg_dump -Fc of the same', run }
