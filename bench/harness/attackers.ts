import { Agent } from 'node:http'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { BAD_HANDSHAKES, shake } from '../../test/helpers/hostile/bad-handshakes.ts'
import { type Crowd, createCrowd, type HostileSocket } from '../../test/helpers/hostile/crowd.ts'
import { ATTACKS, isRight, noise, play } from '../../test/helpers/hostile/protocol-attacks.ts'
import { createRandom } from '../../test/helpers/hostile/random.ts'
import { attacksOf, judge, sendRaw } from '../../test/helpers/hostile/rest-attacks.ts'
import type { OpenApi } from '../../test/helpers/malformed.ts'

/**
 * The attackers, in a separate process, so that their own load is not measured as load of the server. Started by
 * bench/hostile.ts, which sends a plan and receives a ledger at the end.
 */

export type Plan = {
  readonly origin: string
  readonly document: OpenApi
  readonly seed: number
  /** Attackers that send large and nested JSON for `largeMs`, before the others start. */
  readonly large: readonly HostileSocket[]
  readonly largeMs: number
  /** Pause between those and the others. */
  readonly pauseMs: number
  readonly crowd: readonly HostileSocket[]
  /** URLs of sockets that are opened and abused one after the other. */
  readonly targets: readonly string[]
  readonly tokens: readonly string[]
  /** Ids of another user. */
  readonly ids: readonly string[]
  /** Duration of all attacks together, after all have started. */
  readonly ms: number
}

/** The outcomes of one kind of attack. `served` counts unusual but legal requests. */
export type Account = {
  attempts: number
  refused: number
  served: number
  acceptedWrongly: number
  /** Abandoned by the attacker because the server was busy. */
  unanswered?: number
}

export type HostileLedger = {
  readonly crowd: {
    readonly asked: number
    readonly admitted: number
    readonly refused: number
    readonly open: number
    readonly cut: number
    readonly frames: number
    readonly bytes: number
    /** Responses that only a frame can cause. */
    readonly updates: number
  }
  readonly protocol: Account
  readonly handshakes: Account
  readonly rest: Account
  readonly faults: readonly string[]
}

export type Report =
  | { readonly kind: 'large-begun'; readonly open: number }
  | { readonly kind: 'large-ended'; readonly bytes: number }
  | { readonly kind: 'joined'; readonly open: number }
  | { readonly kind: 'done'; readonly ledger: HostileLedger }

const WORKERS = { protocol: 6, noise: 2, handshakes: 1, rest: 4 }
const PATIENCE_MS = 30_000
/** Timeout of attacks that may get no response. */
const GLANCE_MS = 500
const PER_ROUTE = 10
const MAX_LISTED_FAULTS = 20
/** Pause between two attacks of one worker; this is not a load test. */
const PAUSE_MS = 20

const account = (): Account => ({ attempts: 0, refused: 0, served: 0, acceptedWrongly: 0 })

async function sendLargeMessages({ large, largeMs, pauseMs }: Plan, crowd: Crowd): Promise<void> {
  await crowd.join(large)
  report({ kind: 'large-begun', open: crowd.open() })
  crowd.misbehave()
  await sleep(largeMs)
  report({ kind: 'large-ended', bytes: crowd.sent.bytes })
  crowd.leave()
  await sleep(pauseMs)
}

async function attack(plan: Plan): Promise<HostileLedger> {
  const random = createRandom(plan.seed)
  const crowd = createCrowd(random)
  const faults: string[] = []
  const [protocol, handshakes, rest] = [account(), account(), account()]
  const logFault = (fault: string) => {
    if (faults.length < MAX_LISTED_FAULTS) faults.push(fault)
  }

  await sendLargeMessages(plan, createCrowd(random))
  await crowd.join(plan.crowd)
  const admitted = crowd.statuses.get(101) ?? 0
  report({ kind: 'joined', open: crowd.open() })
  crowd.misbehave()

  const deadline = Date.now() + plan.ms
  const untilDeadline = async (work: (turn: number) => Promise<void>) => {
    for (let turn = 0; Date.now() < deadline; turn++) {
      await work(turn)
      await sleep(PAUSE_MS)
    }
  }
  const workers = (count: number, work: (turn: number) => Promise<void>) =>
    Array.from({ length: count }, () => untilDeadline(work))

  const tryOne = async (turn: number, isNoise: boolean) => {
    const chosen = isNoise
      ? noise(random)
      : (ATTACKS[(turn + random.below(ATTACKS.length)) % ATTACKS.length] ?? noise(random))
    const outcome = await play(chosen, random.pick(plan.targets), isNoise ? GLANCE_MS : PATIENCE_MS)
    protocol.attempts++
    if (outcome === 'nothing' && !isNoise) protocol.unanswered = (protocol.unanswered ?? 0) + 1
    else if (!isRight(chosen, outcome)) {
      protocol.acceptedWrongly++
      logFault(`${chosen.name}: ${outcome}`)
    } else if (typeof outcome === 'number' || outcome === 'complaint' || outcome === 'nothing')
      protocol.refused++
    else protocol.served++
  }
  const shakeOne = async (turn: number) => {
    const bad = BAD_HANDSHAKES[turn % BAD_HANDSHAKES.length]
    if (bad === undefined) return
    const status = await shake(bad, random.pick(plan.targets))
    handshakes.attempts++
    // An overloaded server refuses before any check (503).
    if (bad.expected.includes(status) || status === 503) handshakes.refused++
    else if (status === 0) handshakes.unanswered = (handshakes.unanswered ?? 0) + 1
    else {
      handshakes.acceptedWrongly++
      logFault(`handshake: ${bad.name}: ${status}`)
    }
  }
  const agent = new Agent({ keepAlive: true, maxSockets: WORKERS.rest })
  let seed = plan.seed
  const requests = [...attacksOf(plan.document, plan.ids, { seed, perRoute: PER_ROUTE })]
  const askOne = async () => {
    if (requests.length === 0)
      requests.push(...attacksOf(plan.document, plan.ids, { seed: ++seed, perRoute: PER_ROUTE }))
    const next = requests.pop()
    if (next === undefined) return
    const answer = await sendRaw(plan.origin, next.request, random.pick(plan.tokens), agent).catch(
      () => undefined, // counted below
    )
    if (answer === undefined) {
      rest.attempts++
      rest.unanswered = (rest.unanswered ?? 0) + 1
      return
    }
    const verdict = judge(plan.document, next.route, next.request, answer)
    rest.attempts++
    if (verdict === 'refused') rest.refused++
    else if (verdict === 'accepted') rest.served++
    else {
      rest.acceptedWrongly++
      logFault(
        `${verdict}: ${next.request.method} ${next.request.url.slice(0, 100)}: ${answer.status} ${answer.body.slice(0, 100)}`,
      )
    }
  }

  await Promise.all([
    ...workers(WORKERS.protocol, (turn) => tryOne(turn, false)),
    ...workers(WORKERS.noise, (turn) => tryOne(turn, true)),
    ...workers(WORKERS.handshakes, shakeOne),
    ...workers(WORKERS.rest, askOne),
  ])
  const open = crowd.open()
  const ledger = {
    crowd: {
      asked: plan.crowd.length,
      admitted,
      refused: plan.crowd.length - admitted,
      open,
      cut: admitted - open,
      ...crowd.sent,
      updates: crowd.seen('emotion_update'),
    },
    ...{ protocol, handshakes, rest, faults },
  }
  agent.destroy()
  crowd.leave()
  return ledger
}

const report = (message: Report): void => void process.send?.(message)

process.once('disconnect', () => process.exit(1))
process.once('message', (plan) => {
  attack(plan as Plan).then(
    // sent by bench/hostile.ts
    (ledger) => report({ kind: 'done', ledger }),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`)
      process.exit(1)
    },
  )
})
