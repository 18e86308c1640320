import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { createRandom, draw, Latency } from './latency.ts'
import { reply } from './reply.ts'
import type { Script } from './server.ts'
import * as steps from './steps.ts'

/** A script file in JSON: the behaviour of the double for each request. README.md describes each field. */

const DEEDS = {
  'rate-limited': steps.rateLimited(),
  'daily-quota': steps.dailyQuota(),
  region: steps.regionRefused(),
  'setting-refused': steps.settingRefused(),
  overloaded: steps.overloaded(),
  'model-not-found': steps.modelNotFound(),
  'key-refused': steps.keyRefused(),
  cut: steps.cut(),
  'thought-only': steps.thoughtOnly(),
  blocked: steps.blocked(),
  'prompt-blocked': steps.promptBlocked(),
  'no-candidates': steps.noCandidates(),
  'wrong-label': steps.wrongLabel(),
  empty: steps.answer(''),
  html: steps.html(),
  hang: steps.hangBeforeHeaders(),
  'hang-in-body': steps.hangMidBody(),
  reset: steps.reset(),
  'break-off': steps.breakOff(),
  drip: steps.drip(),
} satisfies Record<string, steps.Step>

type Deed = keyof typeof DEEDS
const DEED_NAMES = Object.keys(DEEDS) as [Deed, ...Deed[]] // the keys of the record above

const strict = { additionalProperties: false }
const common = {
  share: Type.Optional(Type.Number({ minimum: 0 })),
  latencyMs: Type.Optional(Latency),
}
const AnswerEntry = Type.Object(
  {
    do: Type.Literal('answer'),
    ...common,
    text: Type.Optional(Type.String()),
    json: Type.Optional(Type.Unknown()),
    chunks: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 10_000 })),
    chunkMs: Type.Optional(Latency),
    end: Type.Optional(Type.Enum(['stop', 'limit', 'blocked', 'unfinished', 'error', 'cut', 'hang'])),
    form: Type.Optional(Type.Enum(['google', 'gateway'])),
    thought: Type.Optional(Type.String()),
    fenced: Type.Optional(Type.Boolean()),
  },
  strict,
)
const DeedEntry = Type.Object({ do: Type.Enum(DEED_NAMES), ...common }, strict)
const Entry = Type.Union([AnswerEntry, DeedEntry])
type Entry = Static<typeof Entry>

const Entries = Type.Array(Entry, { minItems: 1 })
const plan = { sequence: Type.Optional(Entries), mix: Type.Optional(Entries) }
const Phase = Type.Object({ forMs: Type.Number({ exclusiveMinimum: 0 }), ...plan }, strict)
const Plan = Type.Object({ ...plan, phases: Type.Optional(Type.Array(Phase, { minItems: 1 })) }, strict)
type Plan = Static<typeof Plan>

const ScriptFile = Type.Object(
  {
    about: Type.Optional(Type.String()),
    seed: Type.Optional(Type.Integer()),
    latencyMs: Type.Optional(Latency),
    models: Type.Optional(Type.Record(Type.String(), Plan)),
    ...Plan.properties,
  },
  strict,
)

type Chooser = () => Entry
type Surroundings = {
  readonly random: () => number
  readonly latency: Latency
  /** Monotonic clock, ms. */
  readonly now: () => number
}

/**
 * Parses a script file. Random choices are seeded: the same sequence of requests gets the same results.
 * @throws Error with the first fault: invalid JSON, or the path of an invalid field.
 */
export function readScript(text: string, now: () => number = () => performance.now()): Script {
  const file: unknown = JSON.parse(text)
  if (!Value.Check(ScriptFile, file)) {
    const [first] = Value.Errors(ScriptFile, file)
    throw new Error(
      `script: ${first?.instancePath === '' ? 'it' : String(first?.instancePath)} is not understood`,
    )
  }
  const surroundings = { random: createRandom(file.seed ?? 1), latency: file.latencyMs ?? 0, now }
  const general = chooserOf(file, surroundings)
  const special = new Map(
    Object.entries(file.models ?? {}).map(([model, its]) => [model, chooserOf(its, surroundings)]),
  )
  return (request) => toStep((special.get(request.model) ?? general)(), surroundings)
}

/** Phases start with the first request; the last one does not end. */
function chooserOf({ phases, ...simple }: Plan, { random, now }: Surroundings): Chooser {
  if (phases === undefined) return simpleChooser(simple, random)
  const choosers = phases.map((phase) => simpleChooser(phase, random))
  let begun: number | undefined
  return () => {
    begun ??= now()
    let left = now() - begun
    const place = phases.findIndex(({ forMs }) => (left -= forMs) < 0)
    return (choosers.at(place) ?? GOOD)()
  }
}

const GOOD: Chooser = () => ({ do: 'answer' })

function simpleChooser({ sequence, mix }: Omit<Plan, 'phases'>, random: () => number): Chooser {
  if (sequence !== undefined) {
    let played = 0
    return () => sequence[Math.min(played++, sequence.length - 1)] ?? GOOD()
  }
  if (mix === undefined) return GOOD
  const total = mix.reduce((sum, { share = 1 }) => sum + share, 0)
  return () => {
    let point = random() * total
    return mix.find(({ share = 1 }) => (point -= share) < 0) ?? GOOD()
  }
}

function toStep(entry: Entry, { random, latency }: Surroundings): steps.Step {
  const after = draw(entry.latencyMs ?? latency, random)
  if (entry.do !== 'answer') return steps.after(after, DEEDS[entry.do])
  const { chunks, chunkMs = 0, end = 'stop', thought } = entry
  const form = entry.form === 'gateway' ? { form: steps.AS_GATEWAY } : {}
  const pace = () => draw(chunkMs, random)
  return (request, response) => {
    const text = entry.text ?? (entry.json === undefined ? reply(request) : JSON.stringify(entry.json))
    const pieces = chunks ?? steps.pieces(entry.fenced === true ? steps.fenced(text) : text)
    return steps.stream(pieces, { after, pace, end, thought, ...form })(request, response)
  }
}
