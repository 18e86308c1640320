import { createSlots } from '../../lib/slots.ts'
import type { LanguageModel, Outcome } from './language-model.ts'
import type { Recording } from './upload.ts'

/** Less than the time limit of a request. */
const DEADLINE_MS = 13_000
/** About 15 minutes of fast speech. */
const ANSWER_TOKENS = 8192
/** Recordings are in memory during upload and transcription. Limits in all and per user. */
const MAX_RECORDINGS = 4
const MAX_RECORDINGS_OF_USER = 2

const SYSTEM =
  'Write down word for word what is said in the recording, in the language in which it is said (mostly Korean), with ' +
  'ordinary punctuation. Nothing but the words: no times, no speakers, no descriptions of sounds. Nothing at all when nobody speaks.'

type Transcript =
  | { readonly outcome: 'written'; readonly text: string }
  | { readonly outcome: 'busy' | 'failed' }

/** Speech to text by a model. The recording is only in memory, for the duration of the call. */
export function createTranscriber(
  model: Pick<LanguageModel, 'ask'>,
  timeoutMs: number,
  onModel: (outcome: Outcome) => void,
) {
  const all = createSlots(MAX_RECORDINGS)
  const users = createSlots(MAX_RECORDINGS_OF_USER)
  return {
    /** Acquires a slot and returns its release; if none is free, returns which limit is reached. */
    reserve(userId: number): (() => void) | 'user' | 'all' {
      const releaseUser = users.acquire(String(userId))
      if (releaseUser === undefined) return 'user'
      const release = all.acquire('')
      if (release === undefined) {
        releaseUser()
        return 'all'
      }
      return () => {
        release()
        releaseUser()
      }
    },

    async transcribe(
      { audio, mimeType }: Recording,
      userId: number,
      signal: AbortSignal,
    ): Promise<Transcript> {
      const inlineData = { mimeType, data: audio.toString('base64') }
      const contents = [{ role: 'user', parts: [{ inlineData }] }]
      const totalMs = Math.min(DEADLINE_MS, timeoutMs)
      const question = { system: SYSTEM, contents, maxOutputTokens: ANSWER_TOKENS }
      const answer = await model.ask(question, { signal, totalMs, userId })
      onModel(answer)
      return answer.outcome === 'complete'
        ? { outcome: 'written', text: answer.text.trim() }
        : { outcome: 'failed' }
    },
  }
}

export type Transcriber = ReturnType<typeof createTranscriber>
