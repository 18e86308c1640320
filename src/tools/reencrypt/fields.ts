import { queriedOf } from '../../domain/report/queried.ts'
import { BASELINE, exchangeRow, findingRow, windowRow } from '../../domain/sealed-rows.ts'

type Row = Readonly<Record<string, unknown>>

/** A column whose content is sealed, and where its rows are found. */
export type SealedField = {
  readonly table: string
  readonly column: string
  readonly kind: 'text' | 'bytes' | 'json'
  /** As it is sealed: see `Safe.seal`. */
  readonly place: string
  /** The columns of its primary key, with their types. */
  readonly key: readonly (readonly [name: string, type: string])[]
  /** Other columns that name its row. */
  readonly beside?: readonly string[]
  /** How its rows are joined to `owner.id`. */
  readonly owned: string
  readonly rowName: (row: Row) => string
  /** Of JSON: what the database is asked for, and so stays readable. */
  readonly shown?: (content: Row) => object
}

const BY_USER = 'join users owner on owner.id = field.user_id'
const BY_SESSION = 'join sessions s on s.id = field.session_id join users owner on owner.id = s.user_id'
const UNNAMED = () => ''

const ofWindow = ({ session_id, window }: Row) => windowRow(String(session_id), Number(window))
const ofExchange = ({ session_id, created_at }: Row) =>
  exchangeRow(String(session_id), new Date(String(created_at)))
const ofFinding = ({ session_id, at }: Row) => findingRow(String(session_id), new Date(String(at)))
const ofSession = ({ session_id }: Row) => String(session_id)

const WINDOW_KEY = [
  ['session_id', 'text'],
  ['window', 'int'],
] as const
const ID = [['id', 'bigint']] as const

/** Every sealed column there is. */
export const SEALED_FIELDS: readonly SealedField[] = [
  {
    table: 'baselines',
    column: 'measures',
    kind: 'bytes',
    place: BASELINE,
    key: [['user_id', 'bigint']],
    owned: BY_USER,
    rowName: UNNAMED,
  },
  {
    table: 'sessions',
    column: 'baseline',
    kind: 'bytes',
    place: BASELINE,
    key: [['id', 'text']],
    owned: BY_USER,
    rowName: UNNAMED,
  },
  {
    table: 'emotion_windows',
    column: 'measures',
    kind: 'bytes',
    place: 'emotion_windows.measures',
    key: WINDOW_KEY,
    owned: BY_SESSION,
    rowName: ofWindow,
  },
  {
    table: 'emotion_windows',
    column: 'stt_snippet',
    kind: 'text',
    place: 'emotion_windows.stt_snippet',
    key: WINDOW_KEY,
    owned: BY_SESSION,
    rowName: ofWindow,
  },
  {
    table: 'emotion_windows',
    column: 'intervention',
    kind: 'json',
    place: 'emotion_windows.intervention',
    key: WINDOW_KEY,
    owned: BY_SESSION,
    rowName: ofWindow,
  },
  {
    table: 'voice_windows',
    column: 'measures',
    kind: 'json',
    place: 'voice_windows.measures',
    key: WINDOW_KEY,
    owned: BY_SESSION,
    rowName: ofWindow,
  },
  ...(['detections', 'intervention'] as const).map(
    (column): SealedField => ({
      table: 'cbt_findings',
      column,
      kind: 'json',
      place: `cbt_findings.${column}`,
      key: ID,
      beside: ['session_id', 'at'],
      owned: BY_SESSION,
      rowName: ofFinding,
    }),
  ),
  {
    table: 'reports',
    column: 'content',
    kind: 'json',
    place: 'reports.content',
    key: [['id', 'text']],
    beside: ['session_id'],
    owned: BY_SESSION,
    rowName: ofSession,
    shown: queriedOf,
  },
  ...(['message', 'response'] as const).map(
    (column): SealedField => ({
      table: 'conversations',
      column,
      kind: 'text',
      place: `conversations.${column}`,
      key: ID,
      beside: ['session_id', 'created_at'],
      owned: BY_SESSION,
      rowName: ofExchange,
    }),
  ),
  {
    table: 'counselings',
    column: 'notes',
    kind: 'text',
    place: 'counselings.notes',
    key: ID,
    owned: BY_USER,
    rowName: UNNAMED,
  },
  {
    table: 'counselings',
    column: 'survey',
    kind: 'json',
    place: 'counselings.survey',
    key: ID,
    owned: BY_USER,
    rowName: UNNAMED,
  },
  {
    table: 'feedbacks',
    column: 'note',
    kind: 'text',
    place: 'feedbacks.note',
    key: ID,
    owned: BY_USER,
    rowName: UNNAMED,
  },
]
