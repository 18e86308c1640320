import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { formatDate } from '../../domain/zone.ts'
import { AppError } from '../../protocol/errors.ts'
import { createSlots } from '../../lib/slots.ts'
import { requirePrincipal } from '../../http/principal.ts'
import { responses, succeed } from '../../protocol/envelope.ts'
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
} from '../../protocol/rest/reports.ts'
import type { ReportService } from './service.ts'

type Options = {
  readonly service: ReportService
  readonly printer: Printer
}

/** Documents of one user that may wait for the printer, which all users share. */
const MAX_WAITING = 1
const WAITING_RETRY_SECONDS = 2

const common = { tags: ['session'], security: [{ bearer: [] }], params: ReportParams }

/** File name with the date in the user's time zone. The session's id is a capability and is left out. */
const attachment = ({ metadata, timezone }: PrintedReport, ending: string) =>
  `attachment; filename="maeum-${formatDate(timezone, metadata.startedAt)}-${ending}"`

type App = Parameters<FastifyPluginAsyncTypebox>[0]

export const reportRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { service, printer }) => {
  app.addHook('onRequest', app.authentication.require)

  app.get(
    '/:id/summary',
    {
      schema: {
        ...common,
        summary: 'The session in short; waits up to 10 s while its report is being made',
        response: responses({ 200: SummaryResponse }),
      },
    },
    async (request) => succeed(await service.summary(request.params.id, requirePrincipal(request).userId)),
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
    async (request) => succeed(await service.report(request.params.id, requirePrincipal(request).userId)),
  )

  addFileRoutes(app, { service, printer })

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
      succeed(await service.timeline(request.params.id, requirePrincipal(request).userId, request.query)),
  )
}

/** The report as files: a PDF document and CSV tables. */
function addFileRoutes(app: App, { service, printer }: Options): void {
  const waiting = createSlots(MAX_WAITING)

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
      const { userId } = requirePrincipal(request)
      const report = await service.report(params.id, userId, query.language)
      const release = waiting.acquire(String(userId))
      if (release === undefined) throw new AppError('RATE_LIMITED', { retryAfter: WAITING_RETRY_SECONDS })
      const document = await printer.print(report).finally(release)
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
      const report = await service.report(request.params.id, requirePrincipal(request).userId)
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', attachment(report, `${kind}.csv`))
        .send(csvOf(report, kind))
    },
  )
}
