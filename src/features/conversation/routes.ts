import multipart from '@fastify/multipart'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import type { CrisisNotice } from '../../domain/crisis/notice.ts'
import type { Language } from '../../domain/language.ts'
import { AppError } from '../../errors.ts'
import { principal } from '../../plugins/authentication.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import { languageOf } from '../../plugins/languages.ts'
import { TextEmotionBody, TextEmotionResponse, TranscriptionForm, TranscriptionResponse } from './schemas.ts'
import type { TextEmotion } from './text-model.ts'
import type { Transcriber } from './transcriber.ts'
import { MAX_AUDIO_BYTES, readUpload, UPLOAD_LIMITS } from './upload.ts'

type Options = {
  /** What to show to whose words speak of self-harm, in the caller's language; undefined for all other words. */
  readonly noticeOf: (text: string, language: Language) => CrisisNotice | undefined
  /** Null: emotions are not inferred here. */
  readonly readEmotion:
    | ((
        text: string,
        isForModel: boolean,
        request: { readonly caller: number; readonly signal: AbortSignal },
      ) => Promise<TextEmotion>)
    | null
  /** Null: there is nobody to write down what was said. */
  readonly transcriber: Transcriber | null
}

const BUSY_SECONDS = 2
const common = { tags: ['conversation'], security: [{ bearer: [] }] }

export const conversationRoutes: FastifyPluginAsyncTypebox<Options> = async (app, options) => {
  const { noticeOf, readEmotion, transcriber } = options
  app.addHook('onRequest', app.authentication.require)
  await app.register(multipart, { limits: UPLOAD_LIMITS })

  app.post(
    '/emotion',
    {
      schema: {
        ...common,
        summary: 'The emotion that a text shows; by the local reader where no model answers',
        body: TextEmotionBody,
        response: responses({ 200: TextEmotionResponse }),
      },
    },
    async (request, reply) => {
      if (readEmotion === null) throw new AppError('AI_UNAVAILABLE')
      const { text } = request.body
      const crisis = noticeOf(text, languageOf(request))
      // Words of self-harm go to no model.
      const { userId: caller } = principal(request)
      const read = await readEmotion(text, crisis === undefined, { caller, signal: whileWaitedFor(reply) })
      return succeed({ ...read, ...(crisis === undefined ? {} : { crisis }) })
    },
  )

  app.post(
    '/stt/transcribe',
    {
      schema: {
        ...common,
        summary: 'Speech to text: the field `audio` of a form, at most 10 MiB; nothing of it is kept',
        consumes: ['multipart/form-data'],
        body: TranscriptionForm,
        response: responses({ 200: TranscriptionResponse }),
      },
      validatorCompiler: () => () => true, // the form has not been read when bodies are looked at
    },
    async (request, reply) => {
      if (transcriber === null) throw new AppError('STT_UNAVAILABLE')
      if (Number(request.headers['content-length'] ?? 0) > 2 * MAX_AUDIO_BYTES)
        throw new AppError('BODY_TOO_LARGE')
      const { userId } = principal(request)
      const giveBack = transcriber.reserve(userId)
      if (typeof giveBack === 'string')
        throw new AppError(giveBack === 'user' ? 'RATE_LIMITED' : 'SERVER_BUSY', { retryAfter: BUSY_SECONDS })
      try {
        const language = languageOf(request)
        const recording = await readUpload(
          { isMultipart: () => request.isMultipart(), file: () => request.file() },
          language,
        ).catch((error: unknown) => {
          void reply.header('connection', 'close') // the rest of a refused upload is not read
          throw error
        })
        const transcript = await transcriber.transcribe(recording, userId, whileWaitedFor(reply))
        if (transcript.outcome !== 'written')
          throw new AppError('STT_UNAVAILABLE', { retryAfter: BUSY_SECONDS })
        const { text } = transcript
        const crisis = noticeOf(text, language)
        const data = { text, ...(crisis === undefined ? {} : { crisis }) }
        return { success: true as const, data, text }
      } finally {
        giveBack()
      }
    },
  )
}

/** Aborts when the caller goes away or has been answered. A request's own signal does so once a form has been read. */
function whileWaitedFor({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  raw.once('close', () => controller.abort())
  return controller.signal
}
