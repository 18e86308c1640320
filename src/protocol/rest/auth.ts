import { type Static, Type } from 'typebox'
import { isVisible } from '../../lib/visible.ts'
import { Success } from '../envelope.ts'

/** The message that src/http/field-faults.ts maps to a sentence. */
const NOT_VISIBLE = () => 'invisible'
const Username = Type.Refine(
  Type.String({
    minLength: 2,
    maxLength: 50,
    description:
      'Must not contain invisible characters, such as fillers, misplaced joiners or direction marks.',
    examples: ['haneul'],
  }),
  isVisible,
  NOT_VISIBLE,
)
const Email = Type.Refine(
  Type.String({
    maxLength: 100,
    pattern: '^[^\\s@]+@[^\\s@]+\\.[^\\s@]+$',
    examples: ['haneul@example.com'],
  }),
  isVisible,
  NOT_VISIBLE,
)
const NewPassword = Type.String({ minLength: 8, maxLength: 128, examples: ['password123'] })
/** The password rules do not apply at login; the limit bounds the cost of the hash. */
const AnyPassword = Type.String({ minLength: 1, maxLength: 1024, examples: ['password123'] })

export const UserView = Type.Object({
  id: Type.Integer(),
  username: Type.String(),
  email: Type.String(),
  profileImage: Type.Union([Type.String(), Type.Null()]),
})

const TokenPair = { accessToken: Type.String(), refreshToken: Type.String() }

export const SignupBody = Type.Object({ username: Username, email: Email, password: NewPassword })
export const LoginBody = Type.Object({
  email: Type.String({ minLength: 1, maxLength: 100 }),
  password: AnyPassword,
  refreshToken: Type.Optional(
    Type.Unknown({
      description:
        'A valid refresh token of this account: proves that this device has logged in before, so that failed attempts of others do not delay it.',
    }),
  ),
})
export const RefreshBody = Type.Object({ refreshToken: Type.Optional(Type.Unknown()) })
/** A logout is never rejected: invalid fields are ignored. */
export const LogoutBody = Type.Object({
  refreshToken: Type.Optional(
    Type.Unknown({ description: 'Identifies the device when there is no bearer token.' }),
  ),
  all: Type.Optional(Type.Unknown({ description: '`true` logs out every device of the user.' })),
})
export const PasswordBody = Type.Object({
  currentPassword: Type.String({ minLength: 1, maxLength: 1024, examples: ['current password'] }),
  newPassword: Type.String({
    minLength: 8,
    maxLength: 128,
    examples: ['a longer passphrase of several words'],
  }),
})
export const ProfileBody = Type.Object({
  username: Type.Optional(Username),
  profileImage: Type.Optional(
    Type.Union([Type.String({ maxLength: 2048, pattern: '^https://[^\\s]+$' }), Type.Null()]),
  ),
})

const Hint = Type.Object({
  field: Type.String(),
  message: Type.String({ examples: ['흔히 사용되는 비밀번호입니다. 더 안전한 비밀번호를 권장합니다.'] }),
})
const Hints = Type.Optional(
  Type.Array(Hint, { description: 'Recommendations, for example about a common password.' }),
)

export const SignupResponse = Success(
  Type.Object({
    user: UserView,
    ...TokenPair,
    hints: Hints,
  }),
)
export const PasswordResponse = Success(Type.Object({ ...TokenPair, hints: Hints }))
export const AccountResponse = Success(Type.Object({ user: UserView, ...TokenPair }))
export const TokenResponse = Success(Type.Object(TokenPair))
export const UserResponse = Success(Type.Object({ user: UserView }))
export const LogoutResponse = Type.Object({
  success: Type.Literal(true),
  message: Type.String({ examples: ['로그아웃되었습니다.'] }),
})

type UserRow = Static<typeof UserView>

/** Selects the public fields of a user row. */
export const toUserView = ({ id, username, email, profileImage }: UserRow): UserRow => ({
  id,
  username,
  email,
  profileImage,
})
