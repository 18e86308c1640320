import multipart from '@fastify/multipart'
import type { FastifyReply } from 'fastify'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError, preferredLanguage } from '../../errors.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import { TextEmotionBody, TextEmotionResponse, TranscriptionResponse } from './schemas.ts'
import type { TextEmotion } from './text-model.ts'
import type { Transcriber } from './transcriber.ts'
import { MAX_AUDIO_BYTES, readUpload, UPLOAD_LIMITS } from './upload.ts'

type Options = {
  /** Null: emotions are not inferred here. */
  readonly readEmotion: ((text: string, signal: AbortSignal) => Promise<TextEmotion>) | null
  /** Null: there is nobody to write down what was said. */
  readonly transcriber: Transcriber | null
}

const BUSY_SECONDS = 2
const common = { tags: ['conversation'], security: [{ bearer: [] }] }

export const conversationRoutes: FastifyPluginAsyncTypebox<Options> = async (app, options) => {
  const { readEmotion, transcriber } = options
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
      return succeed(await readEmotion(request.body.text, whileWaitedFor(reply)))
    },
  )

  app.post(
    '/stt/transcribe',
    {
      schema: {
        ...common,
        summary: 'Speech to text: the field `audio` of a form, at most 10 MiB; nothing of it is kept',
        consumes: ['multipart/form-data'],
        response: responses({ 200: TranscriptionResponse }),
      },
    },
    async (request, reply) => {
      if (transcriber === null) throw new AppError('STT_UNAVAILABLE')
      if (Number(request.headers['content-length'] ?? 0) > 2 * MAX_AUDIO_BYTES)
        throw new AppError('BODY_TOO_LARGE')
      const giveBack = transcriber.reserve()
      if (giveBack === undefined) throw new AppError('SERVER_BUSY', { retryAfter: BUSY_SECONDS })
      try {
        const language = preferredLanguage(request.headers['accept-language'])
        const { audio, mimeType } = await readUpload(
          { isMultipart: () => request.isMultipart(), file: () => request.file() },
          language,
        ).catch((error: unknown) => {
          void reply.header('connection', 'close') // the rest of a refused upload is not read
          throw error
        })
        const transcript = await transcriber.transcribe(audio, mimeType, whileWaitedFor(reply))
        if (transcript.outcome !== 'written')
          throw new AppError('STT_UNAVAILABLE', { retryAfter: BUSY_SECONDS })
        const { text } = transcript
        return { success: true as const, data: { text }, text }
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
