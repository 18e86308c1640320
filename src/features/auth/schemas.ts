import { type Static, Type } from 'typebox'
import { isVisible } from '../../lib/visible.ts'
import { Success } from '../../plugins/envelope.ts'

/** Known to the sentences for fields at fault. */
const NOT_VISIBLE = () => 'invisible'
const Username = Type.Refine(
  Type.String({
    minLength: 2,
    maxLength: 50,
    description:
      'Nothing in it may be invisible, such as fillers, joiners out of place and marks of direction.',
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
/** A login is not told what a password must look like; the bound only keeps the hash cheap. */
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
        'One that is still good, of this account: shows that this device has logged in before, so that failed attempts of others do not slow it.',
    }),
  ),
})
export const RefreshBody = Type.Object({ refreshToken: Type.Optional(Type.Unknown()) })
/** Whoever wants to leave is never refused: what cannot be read here counts as not sent. */
export const LogoutBody = Type.Object({
  refreshToken: Type.Optional(Type.Unknown({ description: 'Names the device when no bearer does.' })),
  all: Type.Optional(Type.Unknown({ description: '`true` logs every device of the user out.' })),
})
export const PasswordBody = Type.Object({
  currentPassword: Type.String({ minLength: 1, maxLength: 1024, examples: ['the one until now'] }),
  newPassword: Type.String({ minLength: 8, maxLength: 128, examples: ['a longer one, of several words'] }),
})
export const ProfileBody = Type.Object({
  username: Type.Optional(Username),
  profileImage: Type.Optional(
    Type.Union([Type.String({ maxLength: 2048, pattern: '^https://[^\\s]+$' }), Type.Null()]),
  ),
})

const Hint = Type.Object({ field: Type.String(), message: Type.String() })
const Hints = Type.Optional(
  Type.Array(Hint, { description: 'What would be better done otherwise, such as a common password.' }),
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
export const LogoutResponse = Type.Object({ success: Type.Literal(true), message: Type.String() })

type UserRow = Static<typeof UserView>

/** What of a user's row a caller sees. */
export const toUserView = ({ id, username, email, profileImage }: UserRow): UserRow => ({
  id,
  username,
  email,
  profileImage,
})
