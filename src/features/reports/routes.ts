import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { dateIn } from '../../domain/zone.ts'
import { AppError } from '../../errors.ts'
import { createSeats } from '../../lib/seats.ts'
import { principal } from '../../plugins/authentication.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import { csvOf } from './csv.ts'
import type { PrintedReport } from './pdf/printed-report.ts'
import type { Printer } from './pdf/printer.ts'
import {
  CsvQuery,
  CsvResponse,
  PdfQuery,
  PdfResponse,
  ReportParams,
  ReportResponse,
  SummaryResponse,
  TimelineQuery,
  TimelineResponse,
} from './schemas.ts'
import type { ReportService } from './service.ts'

type Options = {
  readonly service: ReportService
  readonly printer: Printer
}

/** Documents of one user that wait for the printer: all users share it. */
const MOST_WAITING = 1
const WAITING_RETRY_SECONDS = 2

const common = { tags: ['session'], security: [{ bearer: [] }], params: ReportParams }

/** A name for the file, with the person's date, without the session's id, which is a capability. */
const attachment = ({ metadata, timezone }: PrintedReport, ending: string) =>
  `attachment; filename="maeum-${dateIn(timezone, metadata.startedAt)}-${ending}"`

export const reportRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { service, printer }) => {
  app.addHook('onRequest', app.authentication.require)
  const waiting = createSeats(MOST_WAITING)

  app.get(
    '/:id/summary',
    {
      schema: {
        ...common,
        summary: 'The session in short; waits up to 10 s while its report is being made',
        response: responses({ 200: SummaryResponse }),
      },
    },
    async (request) => succeed(await service.summary(request.params.id, principal(request).userId)),
  )

  app.get(
    '/:id/report',
    {
      schema: {
        ...common,
        summary: 'The report; waits up to 10 s while it is being made',
        response: responses({ 200: ReportResponse }),
      },
    },
    async (request) => succeed(await service.report(request.params.id, principal(request).userId)),
  )

  app.get(
    '/:id/report/pdf',
    {
      schema: {
        ...common,
        summary: 'The report as a document to hand out; waits like the report',
        querystring: PdfQuery,
        response: responses({ 200: PdfResponse }),
      },
    },
    async (request, reply) => {
      const { params, query } = request
      const { userId } = principal(request)
      const report = await service.report(params.id, userId, query.language)
      const leave = waiting.take(String(userId))
      if (leave === undefined) throw new AppError('RATE_LIMITED', { retryAfter: WAITING_RETRY_SECONDS })
      const document = await printer.print(report).finally(leave)
      return reply
        .type('application/pdf')
        .header('content-disposition', attachment(report, 'report.pdf'))
        .send(document)
    },
  )

  app.get(
    '/:id/report/csv',
    {
      schema: {
        ...common,
        summary: 'A timeline of the report as a table; waits like the report',
        querystring: CsvQuery,
        response: responses({ 200: CsvResponse }),
      },
    },
    async (request, reply) => {
      const { kind = 'emotion' } = request.query
      const report = await service.report(request.params.id, principal(request).userId)
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', attachment(report, `${kind}.csv`))
        .send(csvOf(report, kind))
    },
  )

  app.get(
    '/:id/timeline',
    {
      schema: {
        ...common,
        summary: 'Every answered window, in pages',
        querystring: TimelineQuery,
        response: responses({ 200: TimelineResponse }),
      },
    },
    async (request) =>
      succeed(await service.timeline(request.params.id, principal(request).userId, request.query)),
  )
}
