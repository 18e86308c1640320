import { Type } from 'typebox'
import { SEALED_COLUMNS } from '../db/sealed-columns.ts'
import { listWrappingKeys } from '../db/wrapping-keys.ts'
import { createWrapping, SERVER_KEY_ID } from '../lib/wrapping.ts'
import { CommandError, type Context, defineCommand, EXIT } from './command.ts'
import { withDatabase } from './database.ts'
import { reencrypt } from './keys/reencrypt.ts'
import { countUnsealed } from './keys/status.ts'
import { toTable } from './output.ts'
import type { Texts } from './texts.ts'

const KeyStatus = Type.Object({
  encryption: Type.Boolean({ description: 'DATA_KEYS is set' }),
  keys: Type.Array(
    Type.Object({
      id: Type.Union([Type.String(), Type.Null()], {
        description: "null: the server's own secret, which encrypts no field",
      }),
      users: Type.Integer({ description: 'users whose data key it wraps' }),
      configured: Type.Boolean({ description: 'the server can use it' }),
      current: Type.Boolean({ description: 'it wraps new data keys' }),
    }),
  ),
  usersWithoutKey: Type.Integer({ description: 'users who get a data key at their next use' }),
  missing: Type.Array(Type.String(), { description: 'key ids in use that DATA_KEYS lacks' }),
  unencrypted: Type.Array(
    Type.Object({ table: Type.String(), column: Type.String(), values: Type.Integer() }),
    { description: 'fields that are stored unencrypted although they can be encrypted' },
  ),
})

/** The keys that wrap data keys, and what is not encrypted. Prints ids, never keys. */
export const keysStatus = defineCommand({
  name: 'keys status',
  text: 'keys.status',
  examples: ['keys status', 'keys status --json'],
  finding: 'keys.finding',
  result: KeyStatus,
  run: (context) => {
    const { dataKeys } = context.readConfig().privacy
    return withDatabase(context, { connections: 1 }, async ({ database }) => {
      const { sql } = database.unhurried
      const configured = [...dataKeys.map(({ id }) => id), SERVER_KEY_ID]
      const wrapped = await listWrappingKeys(sql)
      const unencrypted: { table: string; column: string; values: number }[] = []
      for (const sealed of SEALED_COLUMNS) {
        const { table, column } = sealed
        context.progress.show(context.texts('keys.reading', { table }))
        const values = await countUnsealed(sql, sealed)
        if (values > 0) unencrypted.push({ table, column, values })
      }
      const used = wrapped.flatMap(({ id, users }) => (id === null ? [] : [{ id, users }]))
      const unused = configured
        .slice(0, Math.max(1, dataKeys.length))
        .filter((id) => !used.some((one) => one.id === id))
      const keys = [...used, ...unused.map((id) => ({ id, users: 0 }))].map(({ id, users }) => ({
        id: id === SERVER_KEY_ID ? null : id,
        users,
        configured: configured.includes(id),
        current: id === configured[0],
      }))
      const missing = used.map(({ id }) => id).filter((id) => !configured.includes(id))
      const isPending = keys.some(({ current, users }) => !current && users > 0) || unencrypted.length > 0
      return {
        result: {
          encryption: dataKeys.length > 0,
          keys,
          usersWithoutKey: wrapped.find(({ id }) => id === null)?.users ?? 0,
          missing,
          unencrypted,
        },
        exit: missing.length > 0 || (dataKeys.length > 0 && isPending) ? EXIT.found : EXIT.done,
      }
    })
  },
  print: ({ encryption, keys, usersWithoutKey, missing, unencrypted }, texts) => {
    const state = ({ configured, current, users }: (typeof keys)[number]) => {
      if (current) return texts('keys.current')
      if (!configured) return texts('keys.unknown')
      return texts(users > 0 ? 'keys.previous' : 'keys.unused')
    }
    return [
      texts(encryption ? 'keys.on' : 'keys.off'),
      ...toTable(
        [texts('column.key'), texts('column.users'), texts('column.state')],
        keys.map((key) => [key.id ?? texts('keys.server'), key.users, state(key)]),
      ),
      ...(usersWithoutKey > 0 ? [texts('keys.withoutKey', { count: usersWithoutKey })] : []),
      ...missing.map((id) => texts('keys.missing', { id })),
      ...unencrypted.map((field) => texts('keys.unencrypted', field)),
    ]
  },
})

const Rewrapping = {
  users: Type.Integer(),
  rewrapped: Type.Integer({ description: 'data keys that were wrapped again, with the first of DATA_KEYS' }),
  failed: Type.Array(Type.Object({ user: Type.Integer(), reason: Type.String() }), {
    description: 'users whose data key cannot be opened; their data was not changed',
  }),
}

/** Wraps the data keys, and encrypts fields if asked for. */
async function run(context: Context, sealsFields: boolean) {
  const { texts } = context
  const { dataKeys } = context.readConfig().privacy
  if (dataKeys.length === 0) throw new CommandError(texts('keys.unset'))
  return withDatabase(context, { connections: 2 }, async ({ database, secrets }) => {
    const { users, wrapped, sealed, failed } = await reencrypt(
      database.sql,
      createWrapping(dataKeys, secrets),
      {
        sealsFields,
        onProgress: (count) => context.progress.show(texts('keys.progress', { count })),
      },
    )
    return {
      result: {
        users,
        rewrapped: wrapped,
        encrypted: sealed,
        failed: failed.map(({ userId, reason }) => ({ user: userId, reason })),
      },
      exit: failed.length > 0 ? EXIT.found : EXIT.done,
    }
  })
}

const printFailed = (failed: readonly { user: number; reason: string }[], texts: Texts) =>
  failed.map((one) => texts('keys.failed', one))

export const keysRotate = defineCommand({
  name: 'keys rotate',
  text: 'keys.rotate',
  examples: ['keys rotate', 'keys rotate --json'],
  finding: 'keys.unreadable',
  result: Type.Object(Rewrapping),
  run: async (context) => {
    const { result, exit } = await run(context, false)
    const { users, rewrapped, failed } = result
    return { result: { users, rewrapped, failed }, exit }
  },
  print: ({ users, rewrapped, failed }, texts) => [
    texts('keys.rotated', { users, rewrapped }),
    ...printFailed(failed, texts),
  ],
})

export const keysReencrypt = defineCommand({
  name: 'keys reencrypt',
  text: 'keys.reencrypt',
  examples: ['keys reencrypt', 'keys reencrypt --json'],
  finding: 'keys.unreadable',
  result: Type.Object({
    ...Rewrapping,
    encrypted: Type.Integer({ description: 'fields that were stored unencrypted and are encrypted now' }),
  }),
  run: (context) => run(context, true),
  print: ({ users, rewrapped, encrypted, failed }, texts) => [
    texts('keys.reencrypted', { users, rewrapped, encrypted }),
    ...printFailed(failed, texts),
  ],
})
