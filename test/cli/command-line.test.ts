import t from 'tap'
import { COMMANDS } from '../../src/cli/commands.ts'
import { findCommandWord } from '../../src/cli/command-line.ts'
import { chooseLanguage } from '../../src/cli/language.ts'
import { createTexts, TEXT_KEYS } from '../../src/cli/texts.ts'
import { cli } from '../helpers/cli.ts'

/** Nothing listens there. */
const NOWHERE = { url: 'postgres://maeum:hunter2@127.0.0.1:1/maeum' }

t.test('every command has help with an example in both languages', async (t) => {
  for (const { name, examples } of COMMANDS)
    for (const [language, heading] of [
      ['en', 'Examples:'],
      ['ko', '예:'],
    ] as const) {
      const { code, out, err } = await cli(NOWHERE, [...name.split(' '), '--help', '--language', language])
      t.match({ code, err }, { code: 0, err: [] })
      const [first] = examples
      t.equal(out[out.indexOf(heading) + 1], `  maeum ${first}`, `${name}, ${language}`)
    }
})

/** `doctor` reports a database that is away as a finding; `dossier` needs none. */
const RUN_WITHOUT_DATABASE = ['start', 'doctor', 'dossier', 'demo']

t.test('the examples are valid command lines', async (t) => {
  for (const { name, examples } of COMMANDS) {
    if (RUN_WITHOUT_DATABASE.includes(name)) continue
    for (const example of examples) {
      const [line = ''] = example.split(' > ')
      t.ok(line.startsWith(name))
      const { code, err } = await cli(NOWHERE, line.split(' '), { input: 'password123\n' })
      const isFile = example.includes('/run/secrets') || name === 'restore'
      const isSetting = err.join().startsWith('DATA_KEYS') || err.join().startsWith('RETENTION_DAYS')
      t.equal(code, 2)
      t.match(
        err.join(),
        isFile ? 'cannot be read' : isSetting ? 'is not set' : /ECONNREFUSED|GEMINI|local-3/,
      )
    }
  }
})

/** It reads its file first. */
const READS_A_FILE = ['restore']

t.test('every command ends with one line, in JSON too, when the database is away', async (t) => {
  const env = { DATA_KEYS: `a:${Buffer.alloc(32, 7).toString('base64')}`, RETENTION_DAYS: '30' }
  for (const { name, arguments: args = [], result } of COMMANDS) {
    if ([...RUN_WITHOUT_DATABASE, ...READS_A_FILE].includes(name)) continue
    const line = [...name.split(' '), ...args.map(({ choices = [] }) => choices[0] ?? 'a@example.com')]
    const { code, out, err } = await cli(NOWHERE, [...line, '--json'], { env, input: 'password123\n' })
    t.equal(code, 2, name)
    t.match(err, [/^postgres at 127\.0\.0\.1:1\/maeum.*ECONNREFUSED/], name)
    t.equal(err.length, 1, name)
    t.same(JSON.parse(out.join('\n')), { error: { messages: err } }, name)
    t.notMatch([...out, ...err].join('\n'), 'hunter2')
    t.ok(result, name)
  }
})

t.test('options of all commands may stand before the command', async (t) => {
  for (const { name, arguments: args = [], result } of COMMANDS) {
    if ([...RUN_WITHOUT_DATABASE, ...READS_A_FILE].includes(name)) continue
    const line = [...name.split(' '), ...args.map(({ choices = [] }) => choices[0] ?? 'a@example.com')]
    const places = [
      ['--json', '--language', 'en', ...line],
      [...line.slice(0, 1), '--json', '--language=en', ...line.slice(1)],
      [...line, '--language', 'en', '--json'],
    ]
    const [before, between, after] = await Promise.all(
      places.map((words) => cli(NOWHERE, words, { input: 'password123\n' })),
    )
    t.same([before, between], [after, after], name)
    t.ok(result === null || JSON.parse(after?.out.join('\n') ?? ''), name)
  }
  const unknown = { code: 2, err: ['unknown option: --json'] }
  for (const words of [
    ['--json', 'start'],
    ['start', '--json'],
  ])
    t.match(await cli(NOWHERE, words), unknown)
  const { out } = await cli(NOWHERE, ['--help'])
  t.match(out.join('\n'), /--json +prints one JSON document/)
  t.match(out.join('\n'), '--json and --language may stand before or after the command')
})

t.test('the command is found behind the options', (t) => {
  t.equal(findCommandWord(['backup', '--json']), 'backup')
  t.equal(findCommandWord(['--json', '--language', 'ko', 'backup']), 'backup')
  t.equal(findCommandWord(['--language=ko', 'user', 'list']), 'user')
  t.equal(findCommandWord(['--help']), undefined)
  t.end()
})

t.test('a wrong command line is one line that names the fault', async (t) => {
  const faults: [line: string, fault: string][] = [
    ['nothing', 'unknown command: nothing'],
    ['user list --colour', 'unknown option: --colour'],
    ['user show', 'missing argument: user'],
    ['user show a b', 'too many arguments'],
    ['export a --out', 'missing value: --out <file>'],
    ['user list --limit 0', '--limit <number>: the value is not valid: 0 (a whole number from 1 to 1000)'],
    ['user role a king', 'role: the value is not valid: king (user, counsellor, admin)'],
    [
      'session list --status over',
      '--status <status>: the value is not valid: over (live, active, paused, ended)',
    ],
  ]
  for (const [line, fault] of faults)
    t.same(await cli(NOWHERE, line.split(' ')), { code: 2, out: [], err: [fault] }, line)
  const { out } = await cli(NOWHERE, ['user', 'show', '--json', '--language=ko'])
  t.same(JSON.parse(out.join('\n')), { error: { messages: ['인자가 필요합니다: user'] } })
})

t.test('a secret has no place on the command line', (t) => {
  for (const { name, options = [], arguments: args = [] } of COMMANDS)
    for (const word of [...options.map(({ flags }) => flags), ...args.map((argument) => argument.name)])
      t.notMatch(word, /^(--)?(password|key|secret)\b(?!-file)/, name)
  t.end()
})

t.test('the language is that of the option, else of the locale, else English', (t) => {
  const KOREAN = { LANG: 'ko_KR.UTF-8' }
  t.equal(chooseLanguage([], {}), 'en')
  t.equal(chooseLanguage([], { LANG: 'C.UTF-8' }), 'en')
  t.equal(chooseLanguage([], KOREAN), 'ko')
  t.equal(chooseLanguage([], { ...KOREAN, LC_ALL: 'en_US.UTF-8' }), 'en')
  t.equal(chooseLanguage([], { ...KOREAN, LC_ALL: '' }), 'ko')
  t.equal(chooseLanguage(['user', 'list', '--language', 'en'], KOREAN), 'en')
  t.equal(chooseLanguage(['--language=ko'], {}), 'ko')
  t.equal(chooseLanguage(['--language', 'fr'], KOREAN), 'ko')
  t.end()
})

t.test('every text exists in both languages, with the same values', (t) => {
  const [ko, en] = [createTexts('ko'), createTexts('en')]
  const valuesOf = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort()
  const same: readonly string[] = ['column.id', 'audit.row']
  const named = new Proxy({}, { get: (_, name) => `{${String(name)}}` })
  for (const key of TEXT_KEYS) {
    t.same(valuesOf(ko(key, named)), valuesOf(en(key, named)), key)
    const isKorean = /[가-힣]/.test(ko(key).replaceAll('undefined', ''))
    t.ok(isKorean || same.includes(key) || !/[a-z]{3}/i.test(en(key).replaceAll('undefined', '')), key)
  }
  t.end()
})
