import t from 'tap'
import {
  hasVoice,
  measureVoice,
  type VoiceEvent,
  type VoiceMeasures,
} from '../../src/domain/voice/measures.ts'
import { analyseSound, SAMPLE_RATE } from '../../src/domain/voice/sound.ts'
import { countCharacters, countSyllables } from '../../src/domain/voice/syllables.ts'

/** All cases are of the window from 10 s to 20 s; times are in seconds. */
const WINDOW = { from: 10_000, to: 20_000 }

const vad = (from: number, to: number, isSpeech: boolean, energy: number | null): VoiceEvent => ({
  kind: 'vad',
  from: from * 1000,
  to: to * 1000,
  isSpeech,
  energy,
})
const speech = (from: number, to: number, energy: number | null = null) => vad(from, to, true, energy)
const silence = (from: number, to: number) => vad(from, to, false, null)
const sound = (from: number, to: number, level: number, voiced = true): VoiceEvent => ({
  kind: 'sound',
  from: from * 1000,
  to: to * 1000,
  voiced,
  level,
})
const words = (at: number, text: string): VoiceEvent => ({ kind: 'words', at: at * 1000, text })

type Case = readonly [what: string, events: readonly VoiceEvent[], expected: Partial<VoiceMeasures>]

/** Of how it was said: they count for every language. */
const WORDLESS: readonly Case[] = [
  // how much was said
  ['nothing at all', [], { observedMs: 0, speechMs: 0, silenceMs: 0, speechRatio: 0, turnCount: 0 }],
  ['silence only', [silence(10, 20)], { observedMs: 10_000, speechMs: 0, silenceMs: 10_000, speechRatio: 0 }],
  [
    'speech only stays below 1',
    [speech(10, 20)],
    { observedMs: 10_000, speechMs: 10_000, speechRatio: 0.999 },
  ],
  ['half and half', [speech(10, 15), silence(15, 20)], { speechRatio: 0.5, speechMs: 5000, silenceMs: 5000 }],
  ['a third', [speech(11, 12), silence(12, 14)], { observedMs: 3000, speechMs: 1000, speechRatio: 0.333 }],
  [
    'not told is silence',
    [speech(10, 12), speech(18, 20)],
    { observedMs: 10_000, speechMs: 4000, speechRatio: 0.4 },
  ],
  [
    'only what was observed counts',
    [silence(16, 18), speech(18, 20)],
    { observedMs: 4000, speechRatio: 0.5 },
  ],
  [
    'overlapping stretches count once',
    [speech(10, 14), speech(12, 16), silence(16, 20)],
    { speechMs: 6000, speechRatio: 0.6 },
  ],
  ['a stretch within another', [speech(10, 16), speech(12, 13), silence(16, 20)], { speechMs: 6000 }],
  [
    'speech wins over silence at the same time',
    [silence(10, 20), speech(14, 16)],
    { speechMs: 2000, speechRatio: 0.2 },
  ],
  [
    'in any order',
    [silence(16, 20), speech(14, 16), silence(10, 14)],
    { observedMs: 10_000, speechMs: 2000 },
  ],
  [
    'reports that come a little late',
    [speech(10, 10.1), speech(10.13, 10.23), speech(10.28, 10.4)],
    { speechMs: 400 },
  ],
  ['told twice', [speech(10, 12), speech(10, 12), silence(12, 20)], { speechMs: 2000, turnCount: 1 }],
  // edges of the window
  ['begins before the window', [speech(8, 12), silence(12, 20)], { observedMs: 10_000, speechMs: 2000 }],
  ['ends after the window', [silence(10, 18), speech(18, 23)], { observedMs: 10_000, speechMs: 2000 }],
  ['longer than the window', [speech(5, 25)], { observedMs: 10_000, speechMs: 10_000, speechRatio: 0.999 }],
  ['of the window before', [speech(7, 9)], { observedMs: 0, speechMs: 0, turnCount: 0 }],
  ['touches the window only', [speech(8, 10), speech(20, 22)], { speechMs: 0, turnCount: 0 }],
  // pauses: silences from 250 ms on, between speech
  [
    'a pause',
    [speech(10, 12), silence(12, 12.5), speech(12.5, 14)],
    { pauseCount: 1, meanPauseMs: 500, longestPauseMs: 500 },
  ],
  [
    'a breath is no pause',
    [speech(10, 12), silence(12, 12.2), speech(12.2, 14)],
    { pauseCount: 0, longestPauseMs: 0 },
  ],
  ['the shortest pause', [speech(10, 12), speech(12.25, 14)], { pauseCount: 1, meanPauseMs: 250 }],
  ['just too short', [speech(10, 12), speech(12.249, 14)], { pauseCount: 0 }],
  [
    'silence before and after is no pause',
    [silence(10, 14), speech(14, 15), silence(15, 20)],
    { pauseCount: 0, pauseRatio: 0 },
  ],
  [
    'two pauses',
    [speech(10, 11), speech(12, 13), speech(13.4, 14), silence(14, 20)],
    { pauseCount: 2, meanPauseMs: 700, longestPauseMs: 1000, pauseRatio: 0.14 },
  ],
  [
    'mean of uneven pauses',
    [speech(10, 11), speech(11.3, 12), speech(12.35, 13)],
    { pauseCount: 2, meanPauseMs: 325, longestPauseMs: 350, burstCount: 3 },
  ],
  [
    'a long one',
    [speech(10, 10.5), speech(19.5, 20)],
    { pauseCount: 1, longestPauseMs: 9000, pauseRatio: 0.9 },
  ],
  // turns: no more than a second of silence in them
  [
    'one turn with a pause',
    [speech(10, 12), speech(12.9, 14)],
    { turnCount: 1, longestTurnMs: 4000, meanTurnMs: 4000 },
  ],
  ['two turns', [speech(10, 12), speech(13, 14)], { turnCount: 2, meanTurnMs: 1500, longestTurnMs: 2000 }],
  [
    'many short turns',
    [speech(10, 11), speech(12, 13), speech(14, 15), speech(16, 17)],
    { turnCount: 4, meanTurnMs: 1000 },
  ],
  [
    'frames of 100 ms are one turn',
    Array.from({ length: 30 }, (_, i) => speech(10 + i / 10, 10.1 + i / 10)),
    { turnCount: 1, pauseCount: 0, longestTurnMs: 3000 },
  ],
  // words, of which there are none here
  ['speech without words has no rate', [speech(10, 14)], { syllablesPerSecond: null, syllableCount: 0 }],
  // energy, in the client's unit
  ['no energy told', [speech(10, 14)], { energyMean: null, energyVariability: null }],
  ['steady energy', [speech(10, 12, 0.4), speech(12, 14, 0.4)], { energyMean: 0.4, energyVariability: 0 }],
  ['energy of silence does not count', [speech(10, 12, 0.5), vad(12, 14, false, 0.01)], { energyMean: 0.5 }],
  [
    'longer stretches weigh more',
    [speech(10, 13, 0.2), speech(13, 14, 0.6)],
    { energyMean: 0.3, energyVariability: 0.577 },
  ],
  ['no energy at all', [speech(10, 12, 0)], { energyMean: 0, energyVariability: null }],
  // audio that was heard here
  [
    'voiced sound is speech',
    [sound(10, 12, -20), sound(12, 14, -60, false)],
    { observedMs: 4000, speechMs: 2000, speechRatio: 0.5, levelMean: -20 },
  ],
  [
    'consonants belong to the voice',
    [sound(10, 11, -20), sound(11, 11.2, -30, false), sound(11.2, 12, -20)],
    { speechMs: 2000, pauseCount: 0 },
  ],
  [
    'level and its changes',
    [sound(10, 11, -30), sound(11, 12, -20)],
    { levelMean: -25, levelVariability: 5 },
  ],
  ['only noise', [sound(10, 12, -40, false)], { speechMs: 0, levelMean: null, levelVariability: null }],
  [
    "the client's detector is believed",
    [speech(10, 11), silence(11, 14), sound(10, 14, -20)],
    { speechMs: 1000, levelMean: -20 },
  ],
]

/** What was said, and when, beside how: counted as it was spoken, whatever it means. */
const KOREAN: readonly Case[] = [
  [
    'syllables',
    [speech(10, 12), words(12, '안녕하세요')],
    { utteranceCount: 1, syllableCount: 5, characterCount: 5, syllablesPerSecond: 2.5 },
  ],
  [
    'words and spaces',
    [speech(10, 14), words(14, '오늘 기분이 좋아요.')],
    { syllableCount: 8, characterCount: 8, syllablesPerSecond: 2 },
  ],
  [
    'two utterances',
    [speech(10, 13), words(11, '네'), words(13, '그래요')],
    { utteranceCount: 2, syllableCount: 4, syllablesPerSecond: 1.333 },
  ],
  [
    'words of the next window',
    [speech(10, 12), words(20, '안녕')],
    { utteranceCount: 0, syllableCount: 0, syllablesPerSecond: null },
  ],
  [
    'words without known speech',
    [words(12, '안녕하세요')],
    { observedMs: 0, utteranceCount: 1, syllablesPerSecond: null },
  ],
  ['too little speech for a rate', [speech(10, 10.4), words(12, '안녕하세요')], { syllablesPerSecond: null }],
  ['negated', [speech(10, 13), words(13, '난 괜찮지 않아')], { syllableCount: 6, syllablesPerSecond: 2 }],
  [
    'quoted',
    [speech(10, 14), words(14, '친구가 "그만해"라고 했어요')],
    { syllableCount: 11, characterCount: 11, syllablesPerSecond: 2.75 },
  ],
  ['ironic', [speech(10, 12), words(12, '참 잘도 하겠다')], { syllableCount: 6, syllablesPerSecond: 3 }],
  ['of somebody else', [speech(10, 14), words(14, '동생이 많이 울었어요')], { syllablesPerSecond: 2.25 }],
  [
    'digits read aloud',
    [speech(10, 13), words(13, '요즘 7시에 일어나요')],
    { syllableCount: 9, syllablesPerSecond: 3 },
  ],
  [
    'hesitation: the rate is of the speech, not of the pause',
    [speech(10, 11), silence(11, 13), speech(13, 14), words(14, '음… 그러니까')],
    { syllableCount: 5, syllablesPerSecond: 2.5, pauseCount: 1, turnCount: 2 },
  ],
  [
    'laughter that is typed is not spoken',
    [speech(10, 11), words(11, '죽겠다 ㅋㅋ')],
    { syllableCount: 3, syllablesPerSecond: 3 },
  ],
]

const ENGLISH: readonly Case[] = [
  [
    'syllables',
    [speech(10, 12), words(12, 'I am really tired')],
    { syllableCount: 5, characterCount: 14, syllablesPerSecond: 2.5 },
  ],
  [
    'punctuation',
    [speech(10, 12), words(12, 'I woke up, at seven!')],
    { syllableCount: 6, characterCount: 14, syllablesPerSecond: 3 },
  ],
  [
    'two utterances',
    [speech(10, 13), words(11, 'no'), words(13, 'yes yes yes')],
    { utteranceCount: 2, syllableCount: 4, syllablesPerSecond: 1.333 },
  ],
  [
    'words of the next window',
    [speech(10, 12), words(20, 'hello')],
    { utteranceCount: 0, syllableCount: 0, syllablesPerSecond: null },
  ],
  [
    'words without known speech',
    [words(12, 'I want to go home')],
    { observedMs: 0, utteranceCount: 1, syllablesPerSecond: null },
  ],
  [
    'too little speech for a rate',
    [speech(10, 10.4), words(12, 'I want to go home')],
    { syllablesPerSecond: null },
  ],
  [
    'negated',
    [speech(10, 12), words(12, 'not bad at all')],
    { syllableCount: 4, characterCount: 11, syllablesPerSecond: 2 },
  ],
  [
    'contracted',
    [speech(10, 12), words(12, "I can't sleep")],
    { syllableCount: 3, characterCount: 10, syllablesPerSecond: 1.5 },
  ],
  [
    'quoted',
    [speech(10, 13), words(13, 'He said "leave me alone"')],
    { syllableCount: 6, characterCount: 18, syllablesPerSecond: 2 },
  ],
  [
    'ironic',
    [speech(10, 12), words(12, 'oh sure, that is just great')],
    { syllableCount: 6, characterCount: 21, syllablesPerSecond: 3 },
  ],
  [
    'of somebody else',
    [speech(10, 14), words(14, 'My sister cried all day')],
    { syllableCount: 6, characterCount: 19, syllablesPerSecond: 1.5 },
  ],
  [
    'hesitation: the rate is of the speech, not of the pause',
    [speech(10, 11), silence(11, 13), speech(13, 14), words(14, 'I do not know')],
    { syllableCount: 4, syllablesPerSecond: 2, pauseCount: 1, turnCount: 2 },
  ],
]

const CASES = [...WORDLESS, ...KOREAN, ...ENGLISH]
const textsOf = (cases: readonly Case[]) =>
  cases.flatMap(([, events]) => events.flatMap((event) => (event.kind === 'words' ? [event.text] : [])))

t.test('each list of events gives the measures that were worked out by hand', async (t) => {
  for (const [what, events, expected] of CASES) t.match(measureVoice(events, WINDOW), expected, what)
})

t.test('each language has forty cases, with those that no word is said in', async (t) => {
  t.same(textsOf(WORDLESS), [])
  for (const [cases, isOwn] of [
    [KOREAN, /[가-힣]/],
    [ENGLISH, /^[ -~]+$/],
  ] as const) {
    t.ok(cases.length >= 12 && WORDLESS.length + cases.length >= 40)
    for (const text of textsOf(cases)) t.match(text, isOwn)
  }
})

t.test('whatever is heard, the shape holds: shares below 1, whole times and counts', async (t) => {
  for (const [what, events] of CASES) {
    const measures = measureVoice(events, WINDOW)
    for (const [name, value] of Object.entries(measures)) {
      if (value === null) continue
      t.ok(Number.isFinite(value), `${what}: ${name}`)
      if (name.endsWith('Ms') || name.endsWith('Count'))
        t.ok(Number.isInteger(value) && value >= 0, `${what}: ${name} is whole`)
      if (name.endsWith('Ratio')) t.ok(value >= 0 && value <= 0.999, `${what}: ${name} is a share`)
    }
    t.equal(measures.speechMs + measures.silenceMs, measures.observedMs, what)
  }
})

t.test('a window has a voice when something of it was heard then', async (t) => {
  t.notOk(hasVoice([], WINDOW))
  t.notOk(hasVoice([speech(8, 10), words(20, '네')], WINDOW))
  t.ok(hasVoice([silence(8, 10.5)], WINDOW), 'silence was heard, too')
  t.ok(hasVoice([words(10, '네')], WINDOW))
})

t.test('syllables as they are spoken, in both languages', async (t) => {
  for (const [text, syllables, characters] of [
    ['', 0, 0],
    ['…!', 0, 0],
    ['안녕', 2, 2],
    ['안녕'.normalize('NFD'), 2, 2],
    ['109번', 4, 4],
    ['make a table', 4, 10],
    ['be', 1, 2],
    ["don't", 1, 4],
    ['SNS를 봐요', 4, 6],
  ] as const) {
    t.equal(countSyllables(text), syllables, text)
    t.equal(countCharacters(text), characters, text)
  }
})

const seconds = (length: number, wave: (second: number, i: number) => number) =>
  Int16Array.from({ length: length * SAMPLE_RATE }, (_, i) => Math.round(wave(i / SAMPLE_RATE, i)))

t.test('a tone in the range of voices is voiced, hiss and quiet are not', async (t) => {
  const tone = (hz: number, amplitude: number) => (s: number) => amplitude * Math.sin(2 * Math.PI * hz * s)
  let seed = 1
  const hiss = () => ((seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647 - 0.5) * 20_000

  t.match(analyseSound(seconds(0.5, tone(180, 8000))), [{ offsetMs: 0, durationMs: 500, voiced: true }])
  t.ok(
    analyseSound(seconds(0.5, hiss)).every(({ voiced }) => !voiced),
    'hiss',
  )
  t.ok(
    analyseSound(seconds(0.5, tone(180, 30))).every(({ voiced }) => !voiced),
    'too quiet',
  )
  t.ok(
    analyseSound(seconds(0.5, tone(3000, 8000))).every(({ voiced }) => !voiced),
    'too high',
  )
  t.same(analyseSound(new Int16Array(0)), [])
  t.match(
    analyseSound(new Int16Array(160)),
    [{ durationMs: 10, level: -100, voiced: false }],
    'no sound at all',
  )
  const [full] = analyseSound(seconds(0.1, tone(200, 32_767)))
  t.ok(Math.abs((full?.level ?? 0) + 3.01) < 0.05, 'a full sine is 3 dB below full scale')

  const mixed = analyseSound(seconds(1, (s) => (s < 0.6 ? tone(120, 6000)(s) : 0)))
  t.match(mixed, [{ voiced: true }, { voiced: false }])
  t.ok(Math.abs((mixed[0]?.durationMs ?? 0) - 600) <= 30)
  const heardMs = mixed.reduce((sum, { durationMs }) => sum + durationMs, 0)
  t.ok(Math.abs(heardMs - 1000) < 1, 'every sample was heard once')
})
