import type { Static, TSchema } from 'typebox'
import type * as auth from '../src/protocol/rest/auth.ts'
import type * as consent from '../src/protocol/rest/consent.ts'
import type * as conversation from '../src/protocol/rest/conversation.ts'
import type * as counselings from '../src/protocol/rest/counselings.ts'
import type * as dashboard from '../src/protocol/rest/dashboard.ts'
import type * as feedback from '../src/protocol/rest/feedback.ts'
import type * as privacy from '../src/protocol/rest/privacy.ts'
import type * as reports from '../src/protocol/rest/reports.ts'
import type * as sessions from '../src/protocol/rest/sessions.ts'
import type * as telemetry from '../src/protocol/rest/telemetry.ts'
import type * as tickets from '../src/protocol/rest/tickets.ts'
import type * as preferences from '../src/protocol/rest/preferences.ts'

type Data<Schema extends TSchema> = Static<Schema> extends { readonly data: infer Found } ? Found : undefined
type Route<Input, Schema extends TSchema> = { readonly input: Input; readonly data: Data<Schema> }
type Body<Schema extends TSchema> = { readonly body: Static<Schema> }
type Query<Schema extends TSchema> = { readonly query?: Static<Schema> }
/** A multipart form; its fields are listed in openapi.json. */
type Form = { readonly body: FormData }
type WithId = { readonly params: { readonly id: string } }
/** No body. */
type NoInput = { readonly body?: never }

/** REST calls with their input and data, from the schemas that the server validates with. */
export type Routes = {
  'POST /api/auth/signup': Route<Body<typeof auth.SignupBody>, typeof auth.SignupResponse>
  'POST /api/auth/login': Route<Body<typeof auth.LoginBody>, typeof auth.AccountResponse>
  'POST /api/auth/refresh': Route<Body<typeof auth.RefreshBody>, typeof auth.TokenResponse>
  'POST /api/auth/logout': Route<Partial<Body<typeof auth.LogoutBody>>, typeof auth.LogoutResponse>
  'GET /api/auth/me': Route<NoInput, typeof auth.UserResponse>
  'PUT /api/auth/profile': Route<Body<typeof auth.ProfileBody>, typeof auth.UserResponse>

  'POST /api/session/start': Route<
    Partial<Body<typeof sessions.StartSessionBody>>,
    typeof sessions.StartSessionResponse
  >
  'GET /api/session': Route<Query<typeof sessions.SessionsQuery>, typeof sessions.SessionsResponse>
  'GET /api/session/:id': Route<WithId, typeof sessions.SessionResponse>
  'POST /api/session/:id/pause': Route<WithId, typeof sessions.PauseSessionResponse>
  'POST /api/session/:id/resume': Route<WithId, typeof sessions.ResumeSessionResponse>
  'POST /api/session/:id/end': Route<WithId, typeof sessions.EndSessionResponse>
  'GET /api/session/:id/summary': Route<WithId, typeof reports.SummaryResponse>
  'GET /api/session/:id/report': Route<WithId, typeof reports.ReportResponse>
  'GET /api/session/:id/timeline': Route<
    WithId & Query<typeof reports.TimelineQuery>,
    typeof reports.TimelineResponse
  >
  'POST /api/session/:id/ticket': Route<
    WithId & Body<typeof tickets.TicketBody>,
    typeof tickets.TicketResponse
  >
  'POST /api/session/:id/feedback': Route<
    WithId & Body<typeof feedback.FeedbackBody>,
    typeof feedback.FeedbackResponse
  >
  'DELETE /api/session/:id': Route<WithId, typeof sessions.DeleteSessionResponse>
  'GET /api/session/stats/summary': Route<NoInput, typeof sessions.StatisticsResponse>

  'GET /api/dashboard/summary': Route<NoInput, typeof dashboard.DashboardResponse>
  'POST /api/user/password': Route<Body<typeof auth.PasswordBody>, typeof auth.PasswordResponse>
  'GET /api/user/preferences': Route<NoInput, typeof preferences.PreferencesResponse>
  'PUT /api/user/preferences': Route<
    Body<typeof preferences.PreferencesBody>,
    typeof preferences.PreferencesResponse
  >
  'GET /api/user/consent': Route<NoInput, typeof consent.ConsentsResponse>
  'POST /api/user/consent': Route<Body<typeof consent.ConsentBody>, typeof consent.ConsentResponse>
  'DELETE /api/user/consent': Route<
    Partial<Body<typeof consent.WithdrawBody>> & Query<typeof consent.WithdrawQuery>,
    typeof consent.ConsentsResponse
  >
  'GET /api/user/export': Route<NoInput, typeof privacy.ExportResponse>
  'DELETE /api/user': Route<Body<typeof privacy.EraseBody>, typeof privacy.EraseResponse>
  'POST /api/feedback': Route<Body<typeof feedback.FeedbackBody>, typeof feedback.FeedbackResponse>
  'POST /api/counselings': Route<
    Body<typeof counselings.CreateCounselingBody>,
    typeof counselings.CounselingResponse
  >
  'GET /api/counselings': Route<
    Query<typeof counselings.CounselingsQuery>,
    typeof counselings.CounselingsResponse
  >
  'GET /api/counselings/:id': Route<WithId, typeof counselings.CounselingResponse>
  'PATCH /api/counselings/:id': Route<
    WithId & Body<typeof counselings.ChangeCounselingBody>,
    typeof counselings.CounselingResponse
  >
  'POST /api/counselings/:id/survey': Route<
    WithId & Body<typeof counselings.SurveyBody>,
    typeof counselings.CounselingResponse
  >

  'POST /api/emotion': Route<
    Body<typeof conversation.TextEmotionBody>,
    typeof conversation.TextEmotionResponse
  >
  'POST /api/stt/transcribe': Route<Form, typeof conversation.TranscriptionResponse>
  'POST /api/analytics/vitals': Route<Body<typeof telemetry.VitalBody>, typeof telemetry.AcceptedResponse>
  'POST /api/analytics/alert': Route<Body<typeof telemetry.AlertBody>, typeof telemetry.AcceptedResponse>
}

/** Aborts the call. */
export type Cancellable = { readonly signal?: AbortSignal }

/** The input of a route; optional when no field is required. */
export type Input<Name extends keyof Routes> = object extends Routes[Name]['input']
  ? [input?: Routes[Name]['input'] & Cancellable]
  : [input: Routes[Name]['input'] & Cancellable]
