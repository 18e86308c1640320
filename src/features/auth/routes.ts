import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError, preferredLanguage } from '../../errors.ts'
import { principal } from '../../plugins/authentication.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import { callerAddress } from '../../plugins/security.ts'
import {
  AccountResponse,
  LoginBody,
  LogoutBody,
  LogoutResponse,
  ProfileBody,
  RefreshBody,
  SignupBody,
  TokenResponse,
  toUserView,
  UserResponse,
} from './schemas.ts'
import type { AuthService } from './service.ts'
import { composeTexts } from './typed-text.ts'

const LOGGED_OUT = { ko: '로그아웃되었습니다.', en: 'You have been logged out.' }

const tags = ['auth']
const security = [{ bearer: [] }]

export const authRoutes: FastifyPluginAsyncTypebox<{ service: AuthService }> = async (app, { service }) => {
  app.addHook('preValidation', async ({ body }) => composeTexts(body))

  app.post(
    '/signup',
    {
      schema: {
        tags,
        summary: 'Create an account',
        body: SignupBody,
        response: responses({ 201: AccountResponse }),
      },
    },
    async (request, reply) => {
      const { user, ...tokens } = await service.signup(request.body)
      return reply.code(201).send(succeed({ user: toUserView(user), ...tokens }))
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
    async (request) => {
      const { user, ...tokens } = await service.login({ ...request.body, address: callerAddress(request) })
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
    },
    async (request) => {
      const { refreshToken, all } = request.body
      await service.logout(request.bearerEvenExpired(), {
        refreshToken: typeof refreshToken === 'string' ? refreshToken : null,
        all: all === true,
      })
      return {
        success: true as const,
        message: LOGGED_OUT[preferredLanguage(request.headers['accept-language'])],
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
