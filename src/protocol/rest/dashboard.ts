import { Type } from 'typebox'
import { Axis, Nullable, Time } from '../common-schemas.ts'
import { Success } from '../envelope.ts'

const Change = Type.Number({ minimum: -2, maximum: 2 })
const RECENT = 5

export const DashboardResponse = Success(
  Type.Object({
    todayAvg: Type.Object(
      { valence: Nullable(Axis), arousal: Nullable(Axis), dominance: Nullable(Axis) },
      {
        description:
          "Mean of today's windows, in the time zone of the preference `timezone` (default Asia/Seoul); null without windows.",
      },
    ),
    trend: Type.Object({
      dayOverDay: Type.Object(
        { valence: Nullable(Change), arousal: Nullable(Change), dominance: Nullable(Change) },
        { description: 'Today minus yesterday; null if one of the days has no windows.' },
      ),
    }),
    recommendations: Type.Array(
      Type.Object({
        id: Type.String(),
        title: Type.String(),
        desc: Type.String(),
      }),
      { maxItems: 3 },
    ),
    recentSessions: Type.Array(
      Type.Object({
        reportId: Type.String(),
        sessionId: Type.String(),
        createdAt: Time,
        vadScore: Type.Optional(
          Type.Number({ description: 'Mean valence; absent when no window was analysed.' }),
        ),
      }),
      { maxItems: RECENT, description: 'The latest sessions with a report, newest first.' },
    ),
  }),
)
