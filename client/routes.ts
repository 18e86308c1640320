import type { Static, TSchema } from 'typebox'
import type * as auth from '../src/features/auth/schemas.ts'
import type * as consent from '../src/features/consent/schemas.ts'
import type * as conversation from '../src/features/conversation/schemas.ts'
import type * as counselings from '../src/features/counselings/schemas.ts'
import type * as dashboard from '../src/features/dashboard/schemas.ts'
import type * as feedback from '../src/features/feedback/schemas.ts'
import type * as privacy from '../src/features/privacy/schemas.ts'
import type * as reports from '../src/features/reports/schemas.ts'
import type * as sessions from '../src/features/sessions/schemas.ts'
import type * as telemetry from '../src/features/telemetry/schemas.ts'
import type * as tickets from '../src/features/tickets/schemas.ts'
import type * as users from '../src/features/users/schemas.ts'

type Data<Schema extends TSchema> = Static<Schema> extends { readonly data: infer Found } ? Found : undefined
type Route<Input, Schema extends TSchema> = { readonly input: Input; readonly data: Data<Schema> }
type Body<Schema extends TSchema> = { readonly body: Static<Schema> }
type Query<Schema extends TSchema> = { readonly query?: Static<Schema> }
/** The fields that the document names, as files in a form. */
type Form = { readonly body: FormData }
type OfOne = { readonly params: { readonly id: string } }
/** Everything may be given, nothing need be. */
type Nothing = { readonly body?: never }

/** The server's REST calls: what each takes and gives, from the very schemas that the server validates with. */
export type Routes = {
  'POST /api/auth/signup': Route<Body<typeof auth.SignupBody>, typeof auth.SignupResponse>
  'POST /api/auth/login': Route<Body<typeof auth.LoginBody>, typeof auth.AccountResponse>
  'POST /api/auth/refresh': Route<Body<typeof auth.RefreshBody>, typeof auth.TokenResponse>
  'POST /api/auth/logout': Route<Partial<Body<typeof auth.LogoutBody>>, typeof auth.LogoutResponse>
  'GET /api/auth/me': Route<Nothing, typeof auth.UserResponse>
  'PUT /api/auth/profile': Route<Body<typeof auth.ProfileBody>, typeof auth.UserResponse>

  'POST /api/session/start': Route<
    Partial<Body<typeof sessions.StartSessionBody>>,
    typeof sessions.StartSessionResponse
  >
  'GET /api/session': Route<Query<typeof dashboard.SessionsQuery>, typeof dashboard.SessionsResponse>
  'GET /api/session/:id': Route<OfOne, typeof sessions.SessionResponse>
  'POST /api/session/:id/pause': Route<OfOne, typeof sessions.PauseSessionResponse>
  'POST /api/session/:id/resume': Route<OfOne, typeof sessions.ResumeSessionResponse>
  'POST /api/session/:id/end': Route<OfOne, typeof sessions.EndSessionResponse>
  'GET /api/session/:id/summary': Route<OfOne, typeof reports.SummaryResponse>
  'GET /api/session/:id/report': Route<OfOne, typeof reports.ReportResponse>
  'GET /api/session/:id/timeline': Route<
    OfOne & Query<typeof reports.TimelineQuery>,
    typeof reports.TimelineResponse
  >
  'POST /api/session/:id/ticket': Route<
    OfOne & Body<typeof tickets.TicketBody>,
    typeof tickets.TicketResponse
  >
  'POST /api/session/:id/feedback': Route<
    OfOne & Body<typeof feedback.FeedbackBody>,
    typeof feedback.FeedbackResponse
  >
  'DELETE /api/session/:id': Route<OfOne, typeof sessions.DeleteSessionResponse>
  'GET /api/session/stats/summary': Route<Nothing, typeof dashboard.StatisticsResponse>

  'GET /api/dashboard/summary': Route<Nothing, typeof dashboard.DashboardResponse>
  'POST /api/user/password': Route<Body<typeof auth.PasswordBody>, typeof auth.PasswordResponse>
  'GET /api/user/preferences': Route<Nothing, typeof users.PreferencesResponse>
  'PUT /api/user/preferences': Route<Body<typeof users.PreferencesBody>, typeof users.PreferencesResponse>
  'GET /api/user/consent': Route<Nothing, typeof consent.ConsentsResponse>
  'POST /api/user/consent': Route<Body<typeof consent.ConsentBody>, typeof consent.ConsentResponse>
  'DELETE /api/user/consent': Route<
    Partial<Body<typeof consent.WithdrawBody>> & Query<typeof consent.WithdrawQuery>,
    typeof consent.ConsentsResponse
  >
  'GET /api/user/export': Route<Nothing, typeof privacy.ExportResponse>
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
  'GET /api/counselings/:id': Route<OfOne, typeof counselings.CounselingResponse>
  'PATCH /api/counselings/:id': Route<
    OfOne & Body<typeof counselings.ChangeCounselingBody>,
    typeof counselings.CounselingResponse
  >
  'POST /api/counselings/:id/survey': Route<
    OfOne & Body<typeof counselings.SurveyBody>,
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

/** Gives a call up. */
export type Cancellable = { readonly signal?: AbortSignal }

/** What a route takes; nothing at all where nothing is required. */
export type Input<Name extends keyof Routes> = object extends Routes[Name]['input']
  ? [input?: Routes[Name]['input'] & Cancellable]
  : [input: Routes[Name]['input'] & Cancellable]
