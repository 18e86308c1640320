import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import { DISTORTION_TYPES } from '../../src/domain/cbt/distortion.ts'
import { getDistortion } from '../../src/domain/cbt/distortions/index.ts'
import { chooseIntervention } from '../../src/domain/cbt/intervention.ts'
import { crisisLines, formatCrisisMessage } from '../../src/domain/crisis/lines.ts'
import { EMOTIONS } from '../../src/domain/emotion.ts'
import { LANGUAGES } from '../../src/domain/language.ts'
import { buildReport, translateReport } from '../../src/domain/report.ts'
import { ERROR_CODES, errorMessage } from '../../src/protocol/errors.ts'

const SOURCE = fileURLToPath(new URL('../../src', import.meta.url))
const HANGUL = /[ㄱ-ㆎ가-힣]/
const LETTERS = /[A-Za-z]{2}/

/** Words of one language that have no twin: what is looked for in texts, what operators search for, and examples. */
const ONE_LANGUAGE: readonly RegExp[] = [
  /^domain\/(text|crisis\/(cues|read-crisis)|counsellor\/read-occasion|voice)/,
  /^features\/reports\/pdf\/glyphs\.ts$/,
  /^protocol\/(channels\/|rest\/report-examples\.ts$)/,
  /^(http\/openapi-examples|features\/voice\/messages)\.ts$/,
]
/** Properties that hold the Korean of something whose English stands beside it. */
const KOREAN_PLACES = /^(ko|name_ko)$/
/** Examples in schemas, for the documents. */
const EXAMPLES = /^examples?$/
/** Lines for operators, the same for all: the contract names them. */
const LOG_LINE = /^(✅|🎯|❌|⚠️)/u

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
)

type Place = { readonly file: string; readonly line: number; readonly text: string }
type Twins = { readonly at: string; readonly ko: ts.Expression; readonly en: ts.Expression }

const keyOf = (node: ts.Node): string | undefined =>
  ts.isPropertyAssignment(node) && (ts.isIdentifier(node.name) || ts.isStringLiteral(node.name))
    ? node.name.text
    : undefined

/** The texts written within an expression. */
function textsIn(node: ts.Node): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text]
  if (ts.isTemplateExpression(node))
    return [[node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(' ')]
  const found: string[] = []
  ts.forEachChild(node, (child) => void found.push(...textsIn(child)))
  return found
}

/** Every catalogue of the source, and every Korean text that is in none. */
function readSource(name: string, source: string) {
  const twins: Twins[] = []
  const lonely: string[] = []
  const loose: Place[] = []
  const file = ts.createSourceFile(name, source, ts.ScriptTarget.Latest, true)
  const lineOf = (node: ts.Node) => file.getLineAndCharacterOfPosition(node.getStart()).line + 1
  const visit = (node: ts.Node, inKorean: boolean): void => {
    if (ts.isObjectLiteralExpression(node)) {
      const own = new Map(node.properties.map((one) => [keyOf(one), one]))
      const [ko, en] = [own.get('ko'), own.get('en')]
      const at = `${name}:${lineOf(node)}`
      if (ko && en && ts.isPropertyAssignment(ko) && ts.isPropertyAssignment(en))
        twins.push({ at, ko: ko.initializer, en: en.initializer })
      else if (ko !== undefined || en !== undefined) lonely.push(at)
      if (own.has('name_ko') !== own.has('name_en')) lonely.push(`${at} name_ko`)
    }
    const key = keyOf(node)
    const isKept = inKorean || (key !== undefined && (KOREAN_PLACES.test(key) || EXAMPLES.test(key)))
    if (!isKept && (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node))) {
      for (const text of textsIn(node))
        if (HANGUL.test(text) && !LOG_LINE.test(text)) loose.push({ file: name, line: lineOf(node), text })
    }
    ts.forEachChild(node, (child) => visit(child, isKept))
  }
  visit(file, false)
  return { twins, lonely, loose }
}

/** Catalogues whose texts are pairs, typed as Korean and English. */
const PAIRS = ['protocol/errors.ts', 'cli/texts.ts', 'doctor/findings.ts']

const isOneLanguage = (place: string) => ONE_LANGUAGE.some((known) => known.test(place))

const sources = files.map((name) => readSource(name, readFileSync(join(SOURCE, name), 'utf8')))

t.test('every text that exists in one language exists in the other', async (t) => {
  t.same(
    sources.flatMap(({ lonely }) => lonely).filter((at) => !isOneLanguage(at)),
    [],
    'what has a Korean text has an English one beside it, and the other way round',
  )
  const catalogues = sources.flatMap(({ twins }) => twins).filter(({ at }) => !isOneLanguage(at))
  t.ok(catalogues.length >= 60, `${catalogues.length} catalogues were found`)
  for (const { at, ko, en } of catalogues) t.same(shapeOf(en), shapeOf(ko), `${at} says the same in both`)
})

/** What both twins must have alike: the names of their texts, and how many there are where they have no names. */
function shapeOf(node: ts.Expression): unknown {
  if (ts.isObjectLiteralExpression(node))
    return Object.fromEntries(
      node.properties.map((one) => [
        keyOf(one) ?? one.getText(),
        ts.isPropertyAssignment(one) ? shapeOf(one.initializer) : '…',
      ]),
    )
  if (ts.isArrayLiteralExpression(node)) return node.elements.length > 0 ? 'a list' : 'an empty list'
  return textsIn(node).some((text) => text.trim() === '') ? 'an empty text' : 'a text'
}

t.test('each is in its language', async (t) => {
  for (const { at, ko, en } of sources.flatMap(({ twins }) => twins)) {
    for (const text of textsIn(en)) t.notMatch(text, HANGUL, `${at}: the English is English`)
    const sentences = textsIn(ko).filter((text) => text.length > 12 && LETTERS.test(text) && / /.test(text))
    for (const text of sentences) t.match(text, HANGUL, `${at}: the Korean is Korean`)
  }
})

/** A particle whose form depends on the word before it, or both of its forms. */
const OPEN_PARTICLE = /\}(은|는|이|가|을|를|과|와|로|으로)(?![가-힣])|[은이을과]\([는가를와]\)|\(으\)로/

t.test('no particle of a Korean text depends on a value', async (t) => {
  t.match('{model}이 없습니다', OPEN_PARTICLE)
  t.match('{file}은(는) 없습니다', OPEN_PARTICLE)
  const found = files
    .filter((name) => !isOneLanguage(name))
    .flatMap((name) => readFileSync(join(SOURCE, name), 'utf8').split('\n'))
    .filter((line) => OPEN_PARTICLE.test(line))
  t.same(found, [], 'put a noun between the value and the particle')
})

t.test('no Korean text stands outside a catalogue', async (t) => {
  const loose = sources
    .flatMap(({ loose }) => loose)
    .filter(
      // Distortions share patterns of what is looked for.
      ({ file }) =>
        !PAIRS.includes(file) && !file.startsWith('domain/cbt/distortions/') && !isOneLanguage(file),
    )
  t.same(loose, [], 'put it beside its English, as {ko, en}')
})

t.test('the finder finds', async (t) => {
  const read = (text: string) => readSource('x.ts', text)
  t.equal(read("const A = { ko: '가' }").lonely.length, 1, 'a missing English')
  t.equal(read("const A = { en: 'a' }").lonely.length, 1, 'a missing Korean')
  t.equal(read("const A = { name_ko: '가' }").lonely.length, 1, 'a name without its twin')
  t.equal(read("say('가나다')").loose.length, 1, 'a text in the middle of the code')
  t.equal(read('say(`가 ${1}`)').loose.length, 1, 'a text with something in it')
  const [twins] = read("const A = { ko: { a: '가', b: '나' }, en: { a: 'a' } }").twins
  t.notSame(twins && shapeOf(twins.ko), twins && shapeOf(twins.en), 'a missing sentence of many')
})

t.test('every error code has its sentence in every language', async (t) => {
  for (const code of ERROR_CODES) {
    t.match(errorMessage(code, 'ko'), HANGUL, code)
    t.notMatch(errorMessage(code, 'en'), HANGUL, code)
    t.match(errorMessage(code, 'en'), /^[A-Z].*\.$/, code)
  }
})

/** All texts of a value, but those whose name says that they are Korean. */
function spoken(value: unknown, key = ''): string[] {
  if (/(_ko|Ko)$/.test(key)) return []
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => spoken(inner, name))
}

t.test('what is generated is in one language from end to end', async (t) => {
  const startedAt = 1_772_409_900_000
  const said = DISTORTION_TYPES.map((type) => ({
    type,
    name_ko: getDistortion(type).name_ko,
    name_en: getDistortion(type).name_en,
    severity: 'high' as const,
    confidence: 0.9,
    examples: ['x'],
  }))
  for (const language of LANGUAGES) {
    const words: string[] = []
    for (const emotion of EMOTIONS) {
      for (const count of [0, 1, 12]) {
        const windows = Array.from({ length: count }, (_, i) => ({
          window: i + 1,
          closedAt: startedAt + (i + 1) * 10_000,
          emotion: i % 4 === 0 ? ('sad' as const) : emotion,
          confidence: 0.8,
          uncertain: i % 2 === 0,
          valence: i / 12 - 0.5,
          arousal: 0.6,
          dominance: 0,
          source: 'local' as const,
          model: 'local-2',
          analyserVersion: 'local-2',
          frameCount: 40,
          offered: false,
        }))
        const session = { sessionId: 's', labels: {}, language, startedAt, endedAt: startedAt + 130_000 }
        const made = buildReport(session, { windows, voice: [], findings: [], conversations: 0 })
        for (const other of LANGUAGES) {
          const { analysis } = translateReport(made, other)
          const texts = spoken(analysis.recommendations.map(({ title, description }) => [title, description]))
          texts.push(...spoken(analysis.overallAssessment.keyObservations))
          texts.push(analysis.overallAssessment.disclaimer)
          if (other === language) words.push(...texts)
          for (const text of texts)
            t.equal(HANGUL.test(text), other === 'ko', `${other} of a report in ${language}: ${text}`)
        }
      }
    }
    for (const detection of said) {
      const offer = chooseIntervention([detection], language, { now: 0, recentTypes: [] })
      const { distortionName, questions = [], tasks = [] } = offer ?? {}
      const texts = [
        distortionName ?? '',
        ...questions,
        ...tasks.flatMap((task) => [task.title, task.description, task.duration]),
      ]
      for (const text of texts) t.equal(HANGUL.test(text), language === 'ko', `${detection.type}: ${text}`)
    }
    for (const level of ['gentle', 'urgent'] as const) {
      const text = formatCrisisMessage(level, language, crisisLines(language))
      t.equal(HANGUL.test(text), language === 'ko', text)
    }
    t.ok(new Set(words).size >= 8, 'there was something to read')
  }
})
