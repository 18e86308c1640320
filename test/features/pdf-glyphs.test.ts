import t from 'tap'
import { DISTORTION_TYPES } from '../../src/domain/cbt/distortion.ts'
import { getDistortion } from '../../src/domain/cbt/distortions/index.ts'
import { crisisLines } from '../../src/domain/crisis/lines.ts'
import { LANGUAGES } from '../../src/domain/language.ts'
import { RECOMMENDATIONS } from '../../src/domain/report/words.ts'
import { isPrintable, legible } from '../../src/features/reports/pdf/glyphs.ts'
import { LABELS } from '../../src/features/reports/pdf/labels.ts'
import { startTestApp } from '../helpers/app.ts'

/** Every text in a value. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

t.test('every built-in text is printable', (t) => {
  const texts = textsIn([
    DISTORTION_TYPES.map(getDistortion),
    LANGUAGES.map((language) => crisisLines(language)),
    RECOMMENDATIONS,
    LABELS,
  ]).map((text) => text.slice(0, 1000).replace(/\s+/g, ' '))
  t.ok(texts.some((text) => text.includes('○')))
  for (const text of texts) t.equal(legible(text), text)
  t.end()
})

t.test('letters that the font lacks are printed as base letter or replacement, never dropped', (t) => {
  for (const [text, printed] of [
    ['나는 ○와 × → ♥', '나는 ○와 × → ♥'],
    ['Línea de la vida', 'Linea de la vida'],
    ['Línea'.normalize('NFD'), 'Linea'],
    ['Đường dây nóng', 'Duong day nong'],
    ['Şifa ğış', 'Sifa gis'],
    ['①상담 № 1', '1상담 No 1'],
    ['ﾡㅎㅎ', 'ㄱㅎㅎ'],
    ['생명의전화'.normalize('NFD'), '생명의전화'],
    ['洪吉童 → 좋음 🙂', '□□□ → 좋음 □'],
    ['いのちの電話', '□□□□□□'],
    ['a\u200b\u00adb', 'ab'],
  ] as const)
    t.equal(legible(text), printed, text)
  t.equal(isPrintable('Línea de la vida'), true)
  t.equal(isPrintable('いのちの電話'), false)
  t.end()
})

t.test('a configured crisis line that cannot be printed causes a warning at start', async (t) => {
  const warned = ({ log }: { log: readonly string[] }) =>
    log.filter((line) => line.includes('PDF font lacks'))
  const lines = '생명의전화=1588-9191,Línea de la vida=024'
  const plain = await startTestApp(t, { env: { CRISIS_LINES: lines } })
  t.same(warned(plain), [])
  const env = { CRISIS_LINES: `${lines},いのちの電話=0570-783-556` }
  const other = await startTestApp(t, { database: plain.database, env })
  t.equal(warned(other).length, 1)
  t.match(JSON.parse(warned(other)[0] ?? '{}'), { names: ['いのちの電話'] })
})
