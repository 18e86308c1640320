import { Type } from 'typebox'
import { Axis, Count, EmotionLabel, Nullable, Status, Time } from '../../plugins/common-schemas.ts'
import { Success } from '../../plugins/envelope.ts'

const Change = Type.Number({ minimum: -2, maximum: 2 })
const RECENT = 5
/** Sessions a page, unless asked for otherwise. */
export const PAGE_LENGTH = 20
const MOST_LISTED = 100

export const DashboardResponse = Success(
  Type.Object({
    todayAvg: Type.Object(
      { valence: Nullable(Axis), arousal: Nullable(Axis), dominance: Nullable(Axis) },
      {
        description:
          "Mean of the windows of the person's day, by the preference `timezone` (Asia/Seoul unless set); null while there is none.",
      },
    ),
    trend: Type.Object({
      dayOverDay: Type.Object(
        { valence: Nullable(Change), arousal: Nullable(Change), dominance: Nullable(Change) },
        { description: 'Today less yesterday; null while one of the days has no window.' },
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
        vadScore: Type.Optional(Type.Number({ description: 'Mean valence; absent when nothing was read.' })),
      }),
      { maxItems: RECENT, description: 'The last ones that have a report, newest first.' },
    ),
  }),
)

const ListedSession = Type.Object({
  id: Type.String(),
  startedAt: Type.String({ format: 'date-time' }),
  durationMs: Type.Integer({ minimum: 0, description: 'From start to end, or until now.' }),
  status: Status,
  dominantEmotion: Nullable(EmotionLabel),
})

export const SessionsQuery = Type.Object({
  cursor: Type.Optional(Type.String({ maxLength: 64, description: '`nextCursor` of the page before.' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_LISTED, default: PAGE_LENGTH })),
})

export const SessionsResponse = Success(
  Type.Object({
    sessions: Type.Array(ListedSession, { maxItems: MOST_LISTED, description: 'Newest first.' }),
    nextCursor: Nullable(Type.String({ description: 'Null on the last page.' })),
  }),
)

export const StatisticsResponse = Success(
  Type.Object({
    total: Count,
    active: Count,
    paused: Count,
    ended: Count,
    avgDuration: Type.Integer({ minimum: 0, description: 'Of ended sessions, ms; 0 while there is none.' }),
    recentSessions: Type.Array(ListedSession, {
      maxItems: RECENT,
      description: 'Newest first; the emotion is that of the report, null until it is made.',
    }),
  }),
)
