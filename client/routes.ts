import type { Static, TSchema } from 'typebox'
import type * as auth from '../src/features/auth/schemas.ts'
import type * as consent from '../src/features/consent/schemas.ts'
import type * as counselings from '../src/features/counselings/schemas.ts'
import type * as dashboard from '../src/features/dashboard/schemas.ts'
import type * as feedback from '../src/features/feedback/schemas.ts'
import type * as privacy from '../src/features/privacy/schemas.ts'
import type * as reports from '../src/features/reports/schemas.ts'
import type * as sessions from '../src/features/sessions/schemas.ts'
import type * as users from '../src/features/users/schemas.ts'

type Data<Schema extends TSchema> = Static<Schema> extends { readonly data: infer Found } ? Found : undefined
type Route<Input, Schema extends TSchema> = { readonly input: Input; readonly data: Data<Schema> }
type Body<Schema extends TSchema> = { readonly body: Static<Schema> }
type OfSession = { readonly params: { readonly id: string } }
/** Everything may be given, nothing need be. */
type Nothing = { readonly body?: never }

/** The server's REST calls: what each takes and gives, from the very schemas that the server validates with. */
export type Routes = {
  'POST /api/auth/signup': Route<Body<typeof auth.SignupBody>, typeof auth.AccountResponse>
  'POST /api/auth/login': Route<Body<typeof auth.LoginBody>, typeof auth.AccountResponse>
  'POST /api/auth/refresh': Route<Body<typeof auth.RefreshBody>, typeof auth.TokenResponse>
  'POST /api/auth/logout': Route<Partial<Body<typeof auth.LogoutBody>>, typeof auth.LogoutResponse>
  'GET /api/auth/me': Route<Nothing, typeof auth.UserResponse>
  'PUT /api/auth/profile': Route<Body<typeof auth.ProfileBody>, typeof auth.UserResponse>

  'POST /api/session/start': Route<
    Partial<Body<typeof sessions.StartSessionBody>>,
    typeof sessions.StartSessionResponse
  >
  'GET /api/session/:id': Route<OfSession, typeof sessions.SessionResponse>
  'POST /api/session/:id/pause': Route<OfSession, typeof sessions.PauseSessionResponse>
  'POST /api/session/:id/resume': Route<OfSession, typeof sessions.ResumeSessionResponse>
  'POST /api/session/:id/end': Route<OfSession, typeof sessions.EndSessionResponse>
  'GET /api/session/:id/summary': Route<OfSession, typeof reports.SummaryResponse>
  'GET /api/session/:id/report': Route<OfSession, typeof reports.ReportResponse>
  'GET /api/session/:id/timeline': Route<OfSession, typeof reports.TimelineResponse>
  'POST /api/session/:id/feedback': Route<
    OfSession & Body<typeof feedback.FeedbackBody>,
    typeof feedback.FeedbackResponse
  >
  'DELETE /api/session/:id': Route<OfSession, typeof sessions.DeleteSessionResponse>
  'GET /api/session/stats/summary': Route<Nothing, typeof dashboard.StatisticsResponse>

  'GET /api/dashboard/summary': Route<Nothing, typeof dashboard.DashboardResponse>
  'POST /api/user/password': Route<Body<typeof auth.PasswordBody>, typeof auth.PasswordResponse>
  'GET /api/user/preferences': Route<Nothing, typeof users.PreferencesResponse>
  'PUT /api/user/preferences': Route<Body<typeof users.PreferencesBody>, typeof users.PreferencesResponse>
  'GET /api/user/consent': Route<Nothing, typeof consent.ConsentsResponse>
  'POST /api/user/consent': Route<Body<typeof consent.ConsentBody>, typeof consent.ConsentResponse>
  'DELETE /api/user/consent': Route<
    Partial<Body<typeof consent.WithdrawBody>>,
    typeof consent.ConsentsResponse
  >
  'GET /api/user/export': Route<Nothing, typeof privacy.ExportResponse>
  'DELETE /api/user': Route<Body<typeof privacy.EraseBody>, typeof privacy.EraseResponse>
  'POST /api/feedback': Route<Body<typeof feedback.FeedbackBody>, typeof feedback.FeedbackResponse>
  'POST /api/counselings': Route<
    Body<typeof counselings.CreateCounselingBody>,
    typeof counselings.CounselingResponse
  >
  'GET /api/counselings': Route<Nothing, typeof counselings.CounselingsResponse>
}

/** What a route takes; nothing at all where nothing is required. */
export type Input<Name extends keyof Routes> = object extends Routes[Name]['input']
  ? [input?: Routes[Name]['input']]
  : [input: Routes[Name]['input']]
