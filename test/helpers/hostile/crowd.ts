import { mutatedBinary, mutatedText } from './frame-mutations.ts'
import { binaryOracle, textOracle } from './frame-oracle.ts'
import type { Random } from './random.ts'
import { OPCODES, RawPeer, wireFrame } from './raw-peer.ts'

/** Many hostile sockets from one process, each of them bad in its own way. */

export const WAYS = [
  ...(['quiet', 'mute', 'deaf', 'drip', 'pings', 'fragments'] as const),
  ...(['large', 'nested', 'frames', 'binary'] as const),
] as const
export type Way = (typeof WAYS)[number]

type Member = { readonly way: Way; readonly peer: RawPeer }

export type HostileSocket = {
  readonly url: string
  readonly way: Way
  /** One of this machine's own addresses to come from. */
  readonly from?: string
}

const AT_ONCE = 50
const TICK_MS = 50
/** What an attacker keeps unsent for a server that does not take it. */
const MOST_UNSENT_BYTES = 512 * 1024
const CLAIMED_BYTES = 200_000n
const MADE_FRAMES = 200

const ping = wireFrame({ opcode: OPCODES.ping, payload: 'x'.repeat(125) })
const PINGS = Buffer.concat(new Array<Buffer>(100).fill(ping))
const FRAGMENT = wireFrame({ opcode: OPCODES.continuation, payload: ' ', isLast: false })
const FRAGMENTS = Buffer.concat(new Array<Buffer>(50).fill(FRAGMENT))
const WORD = wireFrame({ opcode: OPCODES.text, payload: '{"type":"ping"}' })

/** JSON of one message, of so many keys, or of lists as deep: shorter and longer than what a channel reads. */
const SIZES = [500, 8000, 24_000]
const textFrame = (payload: string) => wireFrame({ opcode: OPCODES.text, payload })
const LARGE = SIZES.map((keys) =>
  textFrame(
    JSON.stringify({
      type: 'ping',
      ...Object.fromEntries(Array.from({ length: keys }, (_, i) => [`k${i.toString(36)}`, i])),
    }),
  ),
)
const NESTED = SIZES.map((depth) =>
  textFrame(`{"type":"ping","data":${'['.repeat(depth)}${']'.repeat(depth)}}`),
)

/** Mutated frames that are none by the oracle's word, as they go over the wire. */
function invalidFrames(random: Random, form: 'text' | 'binary'): Buffer[] {
  const [make, oracle] = form === 'text' ? [mutatedText, textOracle] : [mutatedBinary, binaryOracle]
  const frames: Buffer[] = []
  while (frames.length < MADE_FRAMES) {
    const payload = make(random)
    // No text at all would end the connection before anybody looks for a frame in it.
    if (oracle(payload) !== undefined || (form === 'text' && !isText(payload))) continue
    frames.push(wireFrame({ opcode: OPCODES[form], payload }))
  }
  return frames
}

const isText = (bytes: Buffer): boolean => Buffer.from(bytes.toString('utf8')).equals(bytes)

export function createCrowd(random: Random) {
  const texts = invalidFrames(random, 'text')
  const binaries = invalidFrames(random, 'binary')
  const members: Member[] = []
  const statuses = new Map<number, number>()
  const sent = { frames: 0, bytes: 0 }
  let pulse: NodeJS.Timeout | undefined

  const write = ({ peer }: Member, bytes: Buffer): boolean => {
    if (!peer.socket.writable || peer.socket.writableLength > MOST_UNSENT_BYTES) return false
    peer.write(bytes)
    sent.bytes += bytes.length
    return true
  }

  /** What each of them does in one moment. */
  const acts: Readonly<Record<Way, (member: Member) => void>> = {
    quiet: () => undefined,
    mute: () => undefined,
    deaf: (member) => {
      write(member, WORD)
      write(member, PINGS)
    },
    drip: (member) => write(member, Buffer.from(' ')),
    pings: (member) => write(member, PINGS),
    fragments: (member) => write(member, FRAGMENTS),
    large: (member) => write(member, random.pick(LARGE)),
    nested: (member) => write(member, random.pick(NESTED)),
    frames: (member) => {
      if (write(member, random.pick(texts))) sent.frames++
    },
    binary: (member) => {
      if (write(member, random.pick(binaries))) sent.frames++
    },
  }

  const begin = (member: Member): void => {
    const { peer, way } = member
    if (way === 'deaf') peer.socket.pause()
    if (way === 'drip') peer.send({ opcode: OPCODES.text, length: CLAIMED_BYTES })
    if (way === 'fragments') peer.send({ opcode: OPCODES.text, payload: ' ', isLast: false })
  }

  const join = async ({ url, way, from }: HostileSocket): Promise<void> => {
    const peer = await RawPeer.open(url, {
      isPolite: way !== 'mute' && way !== 'deaf',
      ...(way === 'binary' ? { headers: { 'Sec-WebSocket-Protocol': 'maeum.v2' } } : {}),
      ...(from === undefined ? {} : { from }),
    })
    statuses.set(peer.status, (statuses.get(peer.status) ?? 0) + 1)
    if (peer.status !== 101) {
      peer.destroy()
      return
    }
    const member = { way, peer }
    members.push(member)
    begin(member)
  }

  return {
    /** Opens them, a few at a time; the answers to their handshakes are counted. */
    async join(sockets: readonly HostileSocket[]): Promise<void> {
      for (let i = 0; i < sockets.length; i += AT_ONCE)
        await Promise.all(sockets.slice(i, i + AT_ONCE).map(join))
    },

    /** From now on each of them misbehaves, twenty times a second. */
    misbehave(): void {
      pulse ??= setInterval(() => {
        for (const member of members) if (!member.peer.socket.destroyed) acts[member.way](member)
      }, TICK_MS)
    },

    /** Handshakes by the status of their answer; 0 when there was none. */
    statuses: statuses as ReadonlyMap<number, number>,
    sent: sent as Readonly<typeof sent>,
    /** How many of this way, or of all, are connected. */
    open: (way?: Way): number =>
      members.filter((member) => !member.peer.socket.destroyed && (way === undefined || member.way === way))
        .length,
    /** How often this type of message has come to anybody. */
    seen: (type: string): number => members.reduce((sum, { peer }) => sum + (peer.seen.get(type) ?? 0), 0),

    /** Gone without a goodbye. */
    leave(): void {
      clearInterval(pulse)
      for (const { peer } of members) peer.destroy()
    },
  }
}

export type Crowd = ReturnType<typeof createCrowd>
