import multipart from '@fastify/multipart'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import type { CrisisNotice } from '../../domain/crisis/notice.ts'
import type { Language } from '../../domain/language.ts'
import { AppError } from '../../protocol/errors.ts'
import { requirePrincipal } from '../../http/principal.ts'
import { responses, succeed } from '../../protocol/envelope.ts'
import { languageOf } from '../../http/language.ts'
import {
  TextEmotionBody,
  TextEmotionResponse,
  TranscriptionForm,
  TranscriptionResponse,
} from '../../protocol/rest/conversation.ts'
import type { TextEmotion } from './text-emotion.ts'
import type { Transcriber } from './transcriber.ts'
import { MAX_AUDIO_BYTES, readUpload, UPLOAD_LIMITS } from './upload.ts'

type Options = {
  /** The crisis notice for a text with self-harm language, in the caller's language; undefined for other texts. */
  readonly createNotice: (text: string, language: Language) => CrisisNotice | undefined
  /** Null: emotion analysis is disabled. */
  readonly readEmotion:
    | ((
        text: string,
        isForModel: boolean,
        request: { readonly userId: number; readonly signal: AbortSignal },
      ) => Promise<TextEmotion>)
    | null
  /** Null: no model is configured. */
  readonly transcriber: Transcriber | null
}

const BUSY_SECONDS = 2
const common = { tags: ['conversation'], security: [{ bearer: [] }] }

export const conversationRoutes: FastifyPluginAsyncTypebox<Options> = async (app, options) => {
  const { createNotice, readEmotion, transcriber } = options
  app.addHook('onRequest', app.authentication.require)
  await app.register(multipart, { limits: UPLOAD_LIMITS })

  app.post(
    '/emotion',
    {
      schema: {
        ...common,
        summary: 'Infer the emotion of a text; the local reader answers if no model does',
        body: TextEmotionBody,
        response: responses({ 200: TextEmotionResponse }),
      },
    },
    async (request, reply) => {
      if (readEmotion === null) throw new AppError('AI_UNAVAILABLE')
      const { text } = request.body
      const crisis = createNotice(text, languageOf(request))
      // Self-harm language is not sent to a model.
      const { userId } = requirePrincipal(request)
      const read = await readEmotion(text, crisis === undefined, { userId, signal: createCloseSignal(reply) })
      return succeed({ ...read, ...(crisis === undefined ? {} : { crisis }) })
    },
  )

  app.post(
    '/stt/transcribe',
    {
      schema: {
        ...common,
        summary: 'Transcribe a recording: the form field `audio`, at most 10 MiB; it is not stored',
        consumes: ['multipart/form-data'],
        body: TranscriptionForm,
        response: responses({ 200: TranscriptionResponse }),
      },
      validatorCompiler: () => () => true, // the form is not parsed yet when bodies are validated
    },
    async (request, reply) => {
      if (transcriber === null) throw new AppError('STT_UNAVAILABLE')
      if (Number(request.headers['content-length'] ?? 0) > 2 * MAX_AUDIO_BYTES)
        throw new AppError('BODY_TOO_LARGE')
      const { userId } = requirePrincipal(request)
      const release = transcriber.reserve(userId)
      if (typeof release === 'string')
        throw new AppError(release === 'user' ? 'RATE_LIMITED' : 'SERVER_BUSY', { retryAfter: BUSY_SECONDS })
      try {
        const language = languageOf(request)
        const recording = await readUpload(
          { isMultipart: () => request.isMultipart(), file: () => request.file() },
          language,
        ).catch((error: unknown) => {
          void reply.header('connection', 'close') // the rest of a rejected upload is not read
          throw error
        })
        const transcript = await transcriber.transcribe(recording, userId, createCloseSignal(reply))
        if (transcript.outcome !== 'written')
          throw new AppError('STT_UNAVAILABLE', { retryAfter: BUSY_SECONDS })
        const { text } = transcript
        const crisis = createNotice(text, language)
        const data = { text, ...(crisis === undefined ? {} : { crisis }) }
        return { success: true as const, data, text }
      } finally {
        release()
      }
    },
  )
}

/** Aborts when the response is sent or its connection closes. The request's own signal aborts once the form is read. */
function createCloseSignal({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  raw.once('close', () => controller.abort())
  return controller.signal
}
