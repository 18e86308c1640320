import { createSeats } from '../../lib/seats.ts'
import type { Gemini } from './gemini.ts'
import type { Recording } from './upload.ts'

/** Within the time that a request may take. */
const DEADLINE_MS = 13_000
/** A quarter of an hour of quick speech. */
const ANSWER_TOKENS = 8192
/** Recordings are held in memory while they are uploaded and transcribed: no more than these, and these of one user. */
const MOST_AT_ONCE = 4
const MOST_OF_USER = 2

const SYSTEM =
  'Write down word for word what is said in the recording, in the language in which it is said (mostly Korean), with ' +
  'ordinary punctuation. Nothing but the words: no times, no speakers, no descriptions of sounds. Nothing at all when nobody speaks.'

export type Transcript =
  | { readonly outcome: 'written'; readonly text: string }
  | { readonly outcome: 'busy' | 'failed' }

/** Speech to text by a model. The recording is in memory for as long as it is asked, and nowhere else. */
export function createTranscriber(
  gemini: Pick<Gemini, 'ask'>,
  timeoutMs: number,
  onModel: (outcome: string) => void,
) {
  const all = createSeats(MOST_AT_ONCE)
  const users = createSeats(MOST_OF_USER)
  return {
    /** Takes a slot for a recording, to be given back; else says whether the user's own are taken, or all. */
    reserve(userId: number): (() => void) | 'user' | 'all' {
      const leaveUser = users.take(String(userId))
      if (leaveUser === undefined) return 'user'
      const leave = all.take('')
      if (leave === undefined) {
        leaveUser()
        return 'all'
      }
      return () => {
        leave()
        leaveUser()
      }
    },

    async transcribe(
      { audio, mimeType }: Recording,
      caller: number,
      signal: AbortSignal,
    ): Promise<Transcript> {
      const inlineData = { mimeType, data: audio.toString('base64') }
      const contents = [{ role: 'user', parts: [{ inlineData }] }]
      const totalMs = Math.min(DEADLINE_MS, timeoutMs)
      const question = { system: SYSTEM, contents, maxTokens: ANSWER_TOKENS }
      const answer = await gemini.ask(question, { signal, firstMs: totalMs, totalMs, caller })
      onModel(answer.outcome === 'complete' ? 'answered' : answer.reason)
      return answer.outcome === 'complete'
        ? { outcome: 'written', text: answer.text.trim() }
        : { outcome: 'failed' }
    },
  }
}

export type Transcriber = ReturnType<typeof createTranscriber>
