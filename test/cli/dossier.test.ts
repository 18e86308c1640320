import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/config.ts'
import { getRule, VARIABLE_NAMES } from '../../src/config/variables.ts'
import { expectedSchema } from '../../src/db/expected.ts'
import { SEALED_COLUMNS } from '../../src/db/sealed-columns.ts'
import { LANGUAGES, type Language } from '../../src/domain/language.ts'
import { readAccuracy } from '../../src/dossier/accuracy.ts'
import { buildDossier, renderFiles } from '../../src/dossier/dossier.ts'
import { collectFacts } from '../../src/dossier/facts.ts'
import { listSources, OPEN_MARK } from '../../src/dossier/render.ts'
import { TABLE_DESCRIPTIONS } from '../../src/dossier/stored-tables.ts'
import { builtModule } from '../helpers/built.ts'
import { cli, cliJson } from '../helpers/cli.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const NOWHERE = { url: 'postgres://maeum:hunter2@127.0.0.1:1/maeum' }
const KEY = Buffer.alloc(32, 7).toString('base64')

const factsOf = (env: Readonly<Record<string, string>> = {}) =>
  collectFacts(readConfig({ NODE_ENV: 'test', ...env }), new Date('2026-03-01T12:00:00Z'))

/** All documents as one text. */
const textOf = (env: Readonly<Record<string, string>> = {}, language: Language = 'en') =>
  renderFiles(factsOf(env), language)
    .map(({ text }) => text)
    .join('\n')

/** Settings of every kind, so that every variant of a statement is in one of them. */
const CONFIGURATIONS: Readonly<Record<string, string>>[] = [
  {},
  {
    GEMINI_API_KEY: 'key',
    DATA_KEYS: `2026a:${KEY}`,
    REQUIRE_CONSENT: 'true',
    WS_REQUIRE_TICKET: 'true',
    RETENTION_DAYS: '30',
    INFERENCE_ENABLED: 'false',
    DATABASE_URL: 'postgresql://maeum:pw@db.example.com:5432/maeum',
    PUBLIC_URL: 'https://maeum.example.com',
    METRICS_TOKEN: 'token',
    BACKUP_KEY: KEY,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://traces.example.com',
  },
  { GEMINI_API_KEY: 'key', GEMINI_BASE_URL: 'https://models.example.com' },
]

t.test('the folder has an index and one file for each document', async (t) => {
  const folder = join(t.testdir(), 'a/dossier')
  type Result = { folder: string; files: { name: string; statements: number; open: number }[] }
  const made = await cliJson<Result>(t, NOWHERE, ['dossier', '--out', folder])
  t.equal(made.exit, 0)
  t.same(readdirSync(folder).toSorted(), made.files.map(({ name }) => name).toSorted())
  const index = readFileSync(join(folder, 'README.md'), 'utf8')
  const listed = [...index.matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, name]) => name)
  t.same(
    listed,
    made.files.map(({ name }) => name).filter((name) => name !== 'README.md'),
  )
  for (const { name, statements, open } of made.files.filter(({ name }) => name !== 'README.md')) {
    const text = readFileSync(join(folder, name), 'utf8')
    t.equal(text.split(`**${OPEN_MARK}:**`).length - 1, open, `${name}: what is open is counted`)
    t.ok(statements > 10, name)
  }
  for (const document of [
    'instructions-for-use',
    'model-card',
    'record-of-processing',
    'data-protection-impact-assessment',
    'fundamental-rights-impact-assessment',
    'technical-documentation',
    'notice-korea',
  ])
    t.ok(listed.includes(`${document}.md`), document)
})

t.test('a folder with files is left alone', async (t) => {
  const folder = t.testdir({ 'notes.md': 'filled in' })
  t.match(await cli(NOWHERE, ['dossier', '--out', folder]), { code: 2, err: [/is not empty/] })
  t.same(readdirSync(folder), ['notes.md'])
  t.match(await cli(NOWHERE, ['dossier']), { code: 2, err: [/--out/] })
})

t.test('statements follow the settings', async (t) => {
  const before = textOf()
  const change = (name: string, env: Readonly<Record<string, string>>, off: string | RegExp, on: string) => {
    const after = textOf(env)
    t.match(before, off, `${name} unset`)
    t.ok(after.includes(on), `${name} set: ${on}`)
    t.notOk(before.includes(on), `${name} unset says nothing of the kind`)
    t.notMatch(after, off, `${name} set no longer says that it is unset`)
  }
  change('DATA_KEYS', { DATA_KEYS: `2026a:${KEY}` }, /Encryption at rest: off/, 'Encryption at rest: on')
  change('REQUIRE_CONSENT', { REQUIRE_CONSENT: 'true' }, /Consent: not required/, 'Consent: required')
  change('WS_REQUIRE_TICKET', { WS_REQUIRE_TICKET: 'true' }, /Tickets are not required/, 'is required.')
  change(
    'RETENTION_DAYS',
    { RETENTION_DAYS: 'sessions=41,audit=400,counselings=99' },
    /no automatic erasure/,
    'erased every night after 41 days',
  )
  change(
    'GEMINI_API_KEY',
    { GEMINI_API_KEY: 'key', GEMINI_MODELS: 'gemini-9-test' },
    /Recipients of model requests: none/,
    'gemini-9-test at generativelanguage.googleapis.com',
  )
  change(
    'INFERENCE_ENABLED',
    { INFERENCE_ENABLED: 'false' },
    /estimates the apparent expression from face/,
    'analysis of facial expressions is off',
  )
  change('ANALYSIS_INTERVAL_MS', { ANALYSIS_INTERVAL_MS: '4000' }, /every 10 seconds/, 'every 4 seconds')
  t.match(
    textOf({ ANALYSIS_INTERVAL_MS: '4000', GEMINI_API_KEY: 'key' }),
    /at the latest 3.6 seconds after its end/,
    'the deadline in force',
  )
  change(
    'DATABASE_URL',
    { DATABASE_URL: 'postgresql://u:p@db.example.com/x' },
    /the embedded PostgreSQL/,
    'PostgreSQL at db.example.com, connection with verified TLS',
  )
  change(
    'CRISIS_LINES',
    { CRISIS_LINES: 'Line=0800 1' },
    /Suicide prevention line \(Korea\) 109/,
    'Line 0800 1',
  )
  const proxied = textOf({ GEMINI_API_KEY: 'key', GEMINI_BASE_URL: 'https://models.example.com/x' })
  t.match(proxied, /the operator of GEMINI_BASE_URL/)
  t.notMatch(proxied, /Google \(Gemini API\)/)
})

t.test('conversations are erased with their sessions, and the record says so', async (t) => {
  const record = (days: string) =>
    renderFiles(factsOf({ RETENTION_DAYS: days }), 'en').find(
      ({ name }) => name === 'record-of-processing.md',
    )?.text
  t.match(record('sessions=30'), /\| conversations \| erased with their session, after 30 days/)
  t.match(record('sessions=30,conversations=7'), /\| conversations \| erased every night after 7 days/)
  t.match(record('conversations=7'), /\| conversations \| erased every night after 7 days/)
})

t.test('the address of the model and the deadline are those of the code', async (t) => {
  const source = (path: string) => readFileSync(join(ROOT, path), 'utf8')
  const { gemini, analysis } = factsOf({ GEMINI_API_KEY: 'key', ANALYSIS_INTERVAL_MS: '1000' })
  t.match(source('src/models/gemini-client.ts'), `'https://${gemini?.host ?? ''}'`)
  t.match(source('src/live/session-settings.ts'), `${analysis.deadlineMs / 1000} * intervalMs`)
})

t.test('the accuracy is the measured one', async (t) => {
  const { accuracy, count } = readAccuracy().pictures['fer curated']?.sizeKnown ?? { accuracy: NaN, count: 0 }
  for (const language of LANGUAGES)
    t.ok(textOf({}, language).includes(`| ${count} | ${accuracy.toFixed(3)} ±`), language)
})

t.test('no file contains a secret', async (t) => {
  const secrets = {
    JWT_SECRET: 'secret-jwt-0123456789-0123456789-0123456789',
    JWT_SECRET_PREVIOUS: 'secret-previous-0123456789-0123456789-01234',
    PASSWORD_PEPPER: 'secret-pepper',
    METRICS_TOKEN: 'secret-metrics',
    GEMINI_API_KEY: 'secret-gemini',
    DATA_KEYS: `secret-id:${KEY}`,
    DATABASE_URL: 'postgresql://secret-user:secret-password@db.example.com:5432/secret-name',
    DATABASE_DIRECT_URL: 'postgresql://secret-user:secret-direct@db.example.com:5432/secret-name',
  }
  /** A variable of a certain format gets a key, any other a word. */
  const mark = (name: string) => {
    const word = `secret-${name}`
    try {
      readConfig({ NODE_ENV: 'test', [name]: word })
      return word
    } catch {
      return Buffer.alloc(32, name).toString('base64')
    }
  }
  const others = VARIABLE_NAMES.filter((name) => getRule(name).secret === true && !(name in secrets))
  const marked = Object.fromEntries(others.map((name) => [name, mark(name)]))
  const env = {
    ...secrets,
    ...marked,
    PUBLIC_URL: 'https://maeum.example.com/secret-path',
    GEMINI_BASE_URL: 'https://models.example.com/secret-path?key=secret-query',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://traces.example.com/secret-path',
  }
  for (const language of LANGUAGES) {
    const text = textOf(env, language)
    t.notMatch(text, /secret-/, language)
    t.notOk(text.includes(KEY))
    for (const value of Object.values(marked)) t.notOk(text.includes(value), value)
  }
})

t.test('every source exists', async (t) => {
  const documents = CONFIGURATIONS.flatMap((env) => buildDossier(factsOf(env)))
  const sources = documents.flatMap(listSources)
  const files = [...new Set(sources.flatMap((source) => ('file' in source ? [source.file] : [])))]
  t.ok(files.length > 20)
  t.same(
    files.filter((path) => !existsSync(join(ROOT, path))),
    [],
  )
  const names = sources.flatMap((source) => ('setting' in source ? [source.setting] : []))
  t.ok(names.length > 20)
  for (const name of new Set(names)) t.ok(VARIABLE_NAMES.includes(name), name)
  for (const { name, sections } of documents) {
    for (const { items } of sections) {
      const unsourced = items.filter((item) => item.kind === 'fact' && item.from.length === 0)
      t.same(unsourced, [], `${name}: every statement has a source`)
    }
  }
})

t.test('commands and settings that a statement names exist', async (t) => {
  const { COMMANDS } = await import('../../src/cli/commands.ts')
  const names = COMMANDS.map(({ name }) => name)
  for (const env of CONFIGURATIONS) {
    for (const language of LANGUAGES) {
      const text = textOf(env, language)
      for (const [, command = ''] of text.matchAll(/`maeum ([a-z ]+)/g))
        t.ok(names.includes(command.trim()), `maeum ${command}`)
      for (const [, name = ''] of text.matchAll(/\b([A-Z]+_[A-Z_]+)\b/g))
        t.ok(
          VARIABLE_NAMES.some((known) => known === name),
          name,
        )
    }
  }
})

t.test('every table is described, with the columns that are encrypted', async (t) => {
  t.same(
    Object.keys(TABLE_DESCRIPTIONS).toSorted(),
    expectedSchema()
      .map(({ name }) => name)
      .toSorted(),
    'describe a new table in src/dossier/stored-tables.ts',
  )
  const text = textOf({ DATA_KEYS: `2026a:${KEY}` })
  for (const { table, column } of SEALED_COLUMNS)
    t.match(text, new RegExp(`^\\| \`${table}\` \\|[^|]*\\|[^|]*\`${column}\``, 'm'), `${table}.${column}`)
})

/** What has the same words in both languages: code, numbers, names of models and hosts. */
const isNeutral = (line: string) =>
  !/[A-Za-z]{2}/.test(line.replace(/`[^`]*`|\*\*[^*]*\*\*|\S+\.\S+|gemini\S*/g, ''))

t.test('the Korean documents say the same, in Korean', async (t: Test) => {
  for (const env of CONFIGURATIONS) {
    const [ko = [], en = []] = (['ko', 'en'] as const).map((language) => renderFiles(factsOf(env), language))
    t.same(
      ko.map(({ name, statements, open }) => ({ name, statements, open })),
      en.map(({ name, statements, open }) => ({ name, statements, open })),
    )
    for (const { name, text } of ko)
      for (const line of text.split('\n'))
        if (!/[가-힣]/.test(line)) t.ok(isNeutral(line), `${name}: ${line}`)
    for (const { name, text } of en) t.notMatch(text, /[가-힣]/, name)
    const items = buildDossier(factsOf(env)).flatMap(({ sections }) => sections.flatMap(({ items }) => items))
    for (const item of items)
      if (item.kind !== 'table')
        t.match(item.text.ko, /[가-힣].*[.」]$/s, `a Korean sentence: ${item.text.ko}`)
  }
})

t.test('the image contains what the command reads', async (t) => {
  const last =
    readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
      .split(/^FROM /m)
      .at(-1) ?? ''
  const copied = [...last.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files = '']) =>
    files.split(' '),
  )
  const folder = t.testdir()
  for (const path of copied.filter((path) => existsSync(join(ROOT, path)))) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    cpSync(join(ROOT, path), join(folder, path), { recursive: true })
  }
  const dist = dirname(dirname(builtModule('cli/main')))
  cpSync(dist, join(folder, 'dist'), { recursive: true, filter: (path) => !path.endsWith('/console') })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  await promisify(execFile)(process.execPath, ['dist/cli/main.js', 'dossier', '--out', 'made'], {
    cwd: folder,
  })
  t.match(readFileSync(join(folder, 'made/model-card.md'), 'utf8'), '# Model card')
})
