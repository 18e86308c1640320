import cookie from '@fastify/cookie'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../protocol/errors.ts'
import { requirePrincipal } from '../../http/principal.ts'
import { responses, succeed } from '../../protocol/envelope.ts'
import { toFieldFaults } from '../../http/field-faults.ts'
import { languageOf } from '../../http/language.ts'
import { callerAddress, networkOf } from '../../http/caller.ts'
import { NETWORK_SHARE } from './attempts.ts'
import { commonPassword } from './common-passwords.ts'
import {
  createDevice,
  DEVICE_COOKIE,
  DEVICE_COOKIE_DAYS,
  type Device,
  formatDevice,
  parseDevice,
} from './device-cookie.ts'
import {
  AccountResponse,
  LoginBody,
  LogoutBody,
  LogoutResponse,
  PasswordBody,
  PasswordResponse,
  ProfileBody,
  RefreshBody,
  SignupBody,
  SignupResponse,
  TokenResponse,
  toUserView,
  UserResponse,
} from '../../protocol/rest/auth.ts'
import type { AuthService } from './service.ts'
import { composeTexts } from './typed-text.ts'

const LOGGED_OUT = { ko: '로그아웃되었습니다.', en: 'You have been logged out.' }

/** No valid body is longer. Larger ones would be parsed before any login. */
const MAX_BODY_BYTES = 16 * 1024

const COOKIE_SECONDS = DEVICE_COOKIE_DAYS * 86_400

const toNonEmptyString = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null

/** The hint that the password in this field is common, in the caller's language. */
const createHints = (field: string, request: FastifyRequest) => ({
  hints: toFieldFaults(commonPassword(field).validation, languageOf(request)),
})

type Options = {
  readonly service: AuthService
  /** Keys of the device cookie: the first one signs, all of them verify. */
  readonly cookieSecrets: readonly string[]
  /** The path in the browser, which includes the public base path. */
  readonly cookiePath: string
  /** Whether clients reach this server over TLS, even if a proxy terminates it. */
  readonly isPublishedSecurely: boolean
  /** Accounts that one address may create in `timeWindow` ms. */
  readonly signupLimit: { readonly max: number; readonly timeWindow: number }
}

const tags = ['auth']
const security = [{ bearer: [] }]

type App = Parameters<FastifyPluginAsyncTypebox<Options>>[0]

export const authRoutes: FastifyPluginAsyncTypebox<Options> = async (app, options) => {
  await app.register(cookie, { secret: [...options.cookieSecrets] })

  app.addHook('onRoute', (route) => {
    route.bodyLimit = MAX_BODY_BYTES
  })
  app.addHook('preValidation', async ({ body }) => composeTexts(body))

  addLoginRoutes(app, options)
  addTokenRoutes(app, options)
  await app.register(async (scope: App) => {
    scope.addHook('onRequest', app.authentication.require)
    addProfileRoutes(scope, options)
  })
}

type CookieOptions = Pick<Options, 'cookiePath' | 'isPublishedSecurely'>

/** The signed cookie of a device that has logged in. */
function createDeviceCookies({ cookiePath, isPublishedSecurely }: CookieOptions) {
  const read = (request: FastifyRequest): Device | null => {
    const unsigned = request.unsignCookie(request.cookies[DEVICE_COOKIE] ?? '')
    return unsigned.valid ? parseDevice(unsigned.value, Date.now()) : null
  }
  const set = (request: FastifyRequest, reply: FastifyReply, userId: number) => {
    const current = read(request)
    const device = current?.userId === userId ? current : createDevice(userId)
    void reply.setCookie(DEVICE_COOKIE, formatDevice(device, Date.now()), {
      signed: true,
      path: cookiePath,
      httpOnly: true,
      sameSite: 'lax',
      secure: isPublishedSecurely || request.protocol === 'https',
      maxAge: COOKIE_SECONDS,
    })
  }
  return { read, set }
}

/** Signup and login. */
function addLoginRoutes(app: App, { service, signupLimit, ...options }: Options): void {
  const deviceCookies = createDeviceCookies(options)
  const checkNetworkSignups = app.createRateLimit({
    max: signupLimit.max * NETWORK_SHARE,
    timeWindow: signupLimit.timeWindow,
    keyGenerator: (request) => networkOf(callerAddress(request)),
  })
  /** Limits signups per network, because a client can use many addresses of it. */
  const admitNetwork = async (request: FastifyRequest) => {
    const limit = await checkNetworkSignups(request)
    if (!limit.isAllowed && limit.isExceeded)
      throw new AppError('RATE_LIMITED', { retryAfter: limit.ttlInSeconds })
  }

  app.post(
    '/signup',
    {
      schema: {
        tags,
        summary: 'Create an account',
        body: SignupBody,
        response: responses({ 201: SignupResponse }),
      },
      config: { rateLimit: signupLimit },
      onRequest: admitNetwork,
    },
    async (request, reply) => {
      const { user, hasCommonPassword, ...tokens } = await service.signup({
        ...request.body,
        address: callerAddress(request),
      })
      deviceCookies.set(request, reply, user.id)
      const hints = hasCommonPassword ? createHints('password', request) : {}
      return reply.code(201).send(succeed({ user: toUserView(user), ...tokens, ...hints }))
    },
  )

  app.post(
    '/login',
    {
      schema: {
        tags,
        summary: 'Log in on this device',
        body: LoginBody,
        response: responses({ 200: AccountResponse }),
      },
    },
    async (request, reply) => {
      const { email, password, refreshToken } = request.body
      const { user, ...tokens } = await service.login({
        email,
        password,
        address: callerAddress(request),
        device: deviceCookies.read(request),
        refreshToken: toNonEmptyString(refreshToken),
      })
      deviceCookies.set(request, reply, user.id)
      return succeed({ user: toUserView(user), ...tokens })
    },
  )
}

/** Renewal of tokens and logout. */
function addTokenRoutes(app: App, { service }: Options): void {
  app.post(
    '/refresh',
    {
      schema: {
        tags,
        summary: 'Exchange a refresh token for a new token pair',
        body: RefreshBody,
        response: responses({ 200: TokenResponse }),
      },
    },
    async (request) => {
      const token = request.body.refreshToken
      if (token === undefined || token === null || token === '') throw new AppError('MISSING_REFRESH_TOKEN')
      if (typeof token !== 'string') throw new AppError('INVALID_REFRESH_TOKEN')
      return succeed(await service.refresh(token))
    },
  )

  app.post(
    '/logout',
    {
      schema: {
        tags,
        security,
        summary: 'Log this device out',
        body: LogoutBody,
        response: responses({ 200: LogoutResponse }),
      },
      config: { limitedByAddress: true },
    },
    async (request) => {
      const { refreshToken, all } = request.body
      await service.logout(request.bearerEvenExpired(), {
        refreshToken: toNonEmptyString(refreshToken),
        all: all === true,
      })
      return {
        success: true as const,
        message: LOGGED_OUT[languageOf(request)],
      }
    },
  )
}

/** The profile of the logged-in user. */
function addProfileRoutes(app: App, { service }: Options): void {
  app.get(
    '/me',
    {
      schema: {
        tags,
        security,
        summary: 'Get the logged-in user',
        response: responses({ 200: UserResponse }),
      },
    },
    async (request) => succeed({ user: toUserView(await service.find(requirePrincipal(request).userId)) }),
  )

  app.put(
    '/profile',
    {
      schema: {
        tags,
        security,
        summary: 'Change name or picture',
        body: ProfileBody,
        response: responses({ 200: UserResponse }),
      },
    },
    async (request) => {
      const user = await service.updateProfile(requirePrincipal(request).userId, request.body)
      return succeed({ user: toUserView(user) })
    },
  )
}

/** Changes the password of the logged-in user. */
export const passwordRoutes: FastifyPluginAsyncTypebox<{ readonly service: AuthService }> = async (
  app,
  { service },
) => {
  app.addHook('onRequest', app.authentication.require)
  app.addHook('preValidation', async ({ body }) => composeTexts(body))

  app.post(
    '/password',
    {
      bodyLimit: MAX_BODY_BYTES,
      schema: {
        tags: ['user'],
        security: [{ bearer: [] }],
        summary: 'Change the password; all other devices are logged out, this one gets new tokens',
        body: PasswordBody,
        response: responses({ 200: PasswordResponse }),
      },
    },
    async (request) => {
      const { hasCommonPassword, ...tokens } = await service.changePassword(requirePrincipal(request), {
        ...request.body,
        address: callerAddress(request),
      })
      return succeed({ ...tokens, ...(hasCommonPassword ? createHints('newPassword', request) : {}) })
    },
  )
}
