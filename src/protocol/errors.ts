import type { Language } from '../domain/language.ts'

/** The error catalogue: each code with its status and its sentence in Korean and English. */
const CATALOGUE = {
  VALIDATION_ERROR: [400, '요청 형식이 올바르지 않습니다.', 'The request is not valid.'],
  INVALID_JSON: [400, '요청 본문을 JSON으로 읽을 수 없습니다.', 'The request body is not valid JSON.'],
  BAD_REQUEST: [400, '요청을 처리할 수 없습니다.', 'The request cannot be processed.'],
  INVALID_CURSOR: [400, '목록 위치(cursor) 값이 올바르지 않습니다.', 'The cursor is not valid.'],
  INVALID_RATING: [
    400,
    '평점(rating)은 1에서 5 사이의 정수여야 합니다.',
    'The rating must be an integer from 1 to 5.',
  ],
  MISSING_REFRESH_TOKEN: [400, '리프레시 토큰이 필요합니다.', 'A refresh token is required.'],
  UNAUTHORIZED: [401, '로그인이 필요합니다.', 'Please log in.'],
  TOKEN_EXPIRED: [
    401,
    '로그인이 만료되었습니다. 다시 로그인해 주세요.',
    'The login has expired. Please log in again.',
  ],
  INVALID_TOKEN: [401, '유효하지 않은 인증 정보입니다.', 'The access token is not valid.'],
  TICKET_REQUIRED: [
    401,
    '연결용 일회성 티켓이 없거나 이미 사용되었거나 만료되었습니다.',
    'The connection ticket is missing, expired or already used.',
  ],
  INVALID_CREDENTIALS: [401, '이메일 또는 비밀번호가 올바르지 않습니다.', 'Incorrect e-mail or password.'],
  INVALID_REFRESH_TOKEN: [401, '유효하지 않은 리프레시 토큰입니다.', 'The refresh token is not valid.'],
  FORBIDDEN: [403, '이 요청을 수행할 권한이 없습니다.', 'You are not allowed to do this.'],
  CONSENT_REQUIRED: [
    403,
    '표정 분석에 대한 동의가 필요합니다.',
    'Consent to facial expression analysis is required.',
  ],
  ORIGIN_NOT_ALLOWED: [
    403,
    '허용되지 않은 출처(Origin)의 연결입니다.',
    'Connections from this origin are not allowed.',
  ],
  NOT_FOUND: [404, '요청하신 경로를 찾을 수 없습니다.', 'This address does not exist.'],
  COUNSELING_NOT_FOUND: [404, '상담 예약을 찾을 수 없습니다.', 'The appointment was not found.'],
  SESSION_NOT_FOUND: [404, '세션을 찾을 수 없습니다.', 'The session was not found.'],
  METHOD_NOT_ALLOWED: [405, '지원하지 않는 요청 방식입니다.', 'This method is not supported.'],
  REQUEST_TIMEOUT: [
    408,
    '요청 시간이 초과되었습니다. 다시 시도해 주세요.',
    'The request took too long. Please try again.',
  ],
  USER_EXISTS: [409, '이미 사용 중인 이메일입니다.', 'This e-mail is already registered.'],
  USERNAME_EXISTS: [409, '이미 사용 중인 이름입니다.', 'This name is already taken.'],
  COUNSELING_CLOSED: [
    409,
    '이미 완료되었거나 취소된 상담 예약입니다.',
    'The appointment has already been completed or cancelled.',
  ],
  AI_BUSY: [
    409,
    '이전 질문에 대한 답변이 아직 진행 중입니다.',
    'The previous question is still being answered.',
  ],
  SESSION_ENDED: [409, '이미 종료된 세션입니다.', 'The session has already ended.'],
  SESSION_GONE: [
    410,
    '종료되었거나 없는 세션입니다. 새 세션을 시작해 주세요.',
    'The session has ended or does not exist. Please start a new one.',
  ],
  OBJECT_TOO_LARGE: [
    413,
    '저장할 데이터가 너무 크거나 중첩 단계가 너무 많습니다(최대 16 KiB).',
    'The object is too large or too deeply nested (at most 16 KiB).',
  ],
  BODY_TOO_LARGE: [413, '요청 본문이 너무 큽니다.', 'The request body is too large.'],
  UNSUPPORTED_MEDIA_TYPE: [415, '지원하지 않는 콘텐츠 형식입니다.', 'This content type is not supported.'],
  UPGRADE_REQUIRED: [
    426,
    '이 주소는 WebSocket 연결만 지원합니다.',
    'This address accepts only WebSocket connections.',
  ],
  TOO_MANY_ATTEMPTS: [
    429,
    '로그인 시도가 너무 많습니다. 잠시 후 다시 시도해 주세요.',
    'Too many failed logins. Please try again later.',
  ],
  RATE_LIMITED: [
    429,
    '요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.',
    'Too many requests. Please try again later.',
  ],
  HEADERS_TOO_LARGE: [431, '요청 헤더가 너무 큽니다.', 'The request headers are too large.'],
  INTERNAL_ERROR: [
    500,
    '서버에서 오류가 발생했습니다. 잠시 후 다시 시도해 주세요.',
    'Something went wrong on the server. Please try again later.',
  ],
  DATA_UNREADABLE: [
    500,
    '저장된 데이터를 복호화할 수 없습니다. 운영자에게 문의해 주세요.',
    'The stored data cannot be decrypted. Please contact the operator.',
  ],
  DATABASE_NOT_READY: [
    503,
    '데이터베이스가 아직 준비되지 않았습니다. 잠시 후 다시 시도해 주세요.',
    'The database is not ready yet. Please try again later.',
  ],
  DATABASE_UNAVAILABLE: [
    503,
    '데이터베이스에 연결할 수 없습니다. 잠시 후 다시 시도해 주세요.',
    'The database is unavailable. Please try again later.',
  ],
  SERVER_BUSY: [
    503,
    '서버가 혼잡합니다. 잠시 후 다시 시도해 주세요.',
    'The server is busy. Please try again later.',
  ],
  AI_UNAVAILABLE: [
    503,
    '지금은 AI 상담을 이용할 수 없습니다.',
    'The AI counsellor is currently unavailable.',
  ],
  AI_INTERRUPTED: [
    503,
    '답변이 중단되었습니다. 다시 시도해 주세요.',
    'The answer was interrupted. Please try again.',
  ],
  STT_UNAVAILABLE: [503, '지금은 음성을 텍스트로 변환할 수 없습니다.', 'Speech-to-text is unavailable.'],
  INVALID_MESSAGE: [400, '메시지 형식이 올바르지 않습니다.', 'The message is not valid.'],
  CALIBRATION_FAILED: [
    400,
    '얼굴이 충분히 보이지 않았습니다. 카메라를 바라보고 다시 시도해 주세요.',
    'The face was not visible enough. Please look at the camera and try again.',
  ],
  INVALID_FRAME: [400, '랜드마크 프레임이 올바르지 않습니다.', 'The landmarks frame is not valid.'],
} as const satisfies Record<string, readonly [number, string, string]>

export type ErrorCode = keyof typeof CATALOGUE
export type { Language }

export const ERROR_CODES = Object.keys(CATALOGUE) as ErrorCode[]

export const errorStatus = (code: ErrorCode): number => CATALOGUE[code][0]

/** One polite sentence for the user. */
export const errorMessage = (code: ErrorCode, language: Language): string =>
  CATALOGUE[code][language === 'ko' ? 1 : 2]

export type FieldFault = { readonly field: string; readonly message: string }

type Extras = {
  readonly details?: unknown
  /** Seconds after which the client may retry. */
  readonly retryAfter?: number
  readonly cause?: unknown
}

/** An error that is returned to the caller. Thrown where it occurs, formatted only in the error handler. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly details: unknown
  readonly retryAfter: number | undefined

  constructor(code: ErrorCode, extras: Extras = {}) {
    super(code, extras.cause === undefined ? undefined : { cause: extras.cause })
    this.name = 'AppError'
    this.code = code
    this.details = extras.details
    this.retryAfter = extras.retryAfter
  }
}
