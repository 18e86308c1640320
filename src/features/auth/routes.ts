import cookie from '@fastify/cookie'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { principal } from '../../plugins/authentication.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import { fieldFaults } from '../../plugins/field-faults.ts'
import { languageOf } from '../../plugins/languages.ts'
import { callerAddress, networkOf } from '../../plugins/security.ts'
import { NETWORK_SHARE } from './attempts.ts'
import {
  DEVICE_COOKIE,
  DEVICE_COOKIE_DAYS,
  type Device,
  newDevice,
  readDevice,
  writeDevice,
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
} from './schemas.ts'
import { type AuthService, commonPassword } from './service.ts'
import { composeTexts } from './typed-text.ts'

const LOGGED_OUT = { ko: '로그아웃되었습니다.', en: 'You have been logged out.' }

/** Nothing here is longer; megabytes would be read and parsed before any login. */
const MAX_BODY_BYTES = 16 * 1024

const COOKIE_SECONDS = DEVICE_COOKIE_DAYS * 86_400

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

/** That many people have the password in this field, in the caller's language. */
const hintsOn = (field: string, request: FastifyRequest) => ({
  hints: fieldFaults(commonPassword(field).validation, languageOf(request)),
})

type Options = {
  readonly service: AuthService
  /** Keys of the device cookie: the first signs, all of them are believed. */
  readonly cookieSecrets: readonly string[]
  /** As a browser sees it: below the path at which the server is published. */
  readonly cookiePath: string
  /** Whether the outside world reaches this server over TLS, however this process is reached. */
  readonly isPublishedSecurely: boolean
  /** Accounts that one address may make in `timeWindow` ms. */
  readonly signupLimit: { readonly max: number; readonly timeWindow: number }
}

const tags = ['auth']
const security = [{ bearer: [] }]

export const authRoutes: FastifyPluginAsyncTypebox<Options> = async (
  app,
  { service, cookieSecrets, cookiePath, isPublishedSecurely, signupLimit },
) => {
  await app.register(cookie, { secret: [...cookieSecrets] })

  const deviceOf = (request: FastifyRequest): Device | null => {
    const opened = request.unsignCookie(request.cookies[DEVICE_COOKIE] ?? '')
    return opened.valid ? readDevice(opened.value, Date.now()) : null
  }
  /** This browser is known to the account from now on. */
  const remember = (request: FastifyRequest, reply: FastifyReply, userId: number) => {
    const known = deviceOf(request)
    const device = known?.userId === userId ? known : newDevice(userId)
    void reply.setCookie(DEVICE_COOKIE, writeDevice(device, Date.now()), {
      signed: true,
      path: cookiePath,
      httpOnly: true,
      sameSite: 'lax',
      secure: isPublishedSecurely || request.protocol === 'https',
      maxAge: COOKIE_SECONDS,
    })
  }

  const signupsOfNetwork = app.createRateLimit({
    max: signupLimit.max * NETWORK_SHARE,
    timeWindow: signupLimit.timeWindow,
    keyGenerator: (request) => networkOf(callerAddress(request)),
  })
  /** Who holds a large network has more addresses than there are limits. */
  const admitNetwork = async (request: FastifyRequest) => {
    const limit = await signupsOfNetwork(request)
    if (!limit.isAllowed && limit.isExceeded)
      throw new AppError('RATE_LIMITED', { retryAfter: limit.ttlInSeconds })
  }

  app.addHook('onRoute', (route) => {
    route.bodyLimit = MAX_BODY_BYTES
  })
  app.addHook('preValidation', async ({ body }) => composeTexts(body))

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
      remember(request, reply, user.id)
      const hints = hasCommonPassword ? hintsOn('password', request) : {}
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
        device: deviceOf(request),
        refreshToken: text(refreshToken),
      })
      remember(request, reply, user.id)
      return succeed({ user: toUserView(user), ...tokens })
    },
  )

  app.post(
    '/refresh',
    {
      schema: {
        tags,
        summary: 'Trade a refresh token for a new pair',
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
        refreshToken: text(refreshToken),
        all: all === true,
      })
      return {
        success: true as const,
        message: LOGGED_OUT[languageOf(request)],
      }
    },
  )

  await app.register(async (scope: typeof app) => {
    scope.addHook('onRequest', app.authentication.require)

    scope.get(
      '/me',
      { schema: { tags, security, summary: 'Who is logged in', response: responses({ 200: UserResponse }) } },
      async (request) => succeed({ user: toUserView(await service.find(principal(request).userId)) }),
    )

    scope.put(
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
        const user = await service.updateProfile(principal(request).userId, request.body)
        return succeed({ user: toUserView(user) })
      },
    )
  })
}

/** What an account's owner does about the account, beside who they are. */
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
      const { hasCommonPassword, ...tokens } = await service.changePassword(principal(request), {
        ...request.body,
        address: callerAddress(request),
      })
      return succeed({ ...tokens, ...(hasCommonPassword ? hintsOn('newPassword', request) : {}) })
    },
  )
}
