import { open, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { Type } from 'typebox'
import { exportRepository } from '../features/privacy/export/repository.ts'
import { createExport } from '../features/privacy/export/service.ts'
import { type Context, defineCommand, getArgument, getText } from './command.ts'
import { withServerParts } from './server-parts.ts'
import { findUser, USER } from './find-user.ts'

/** Reports the bytes that pass. */
const meter = ({ progress, texts }: Context, count: { bytes: number }) =>
  async function* (pieces: AsyncIterable<string>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      const bytes = Buffer.from(piece)
      count.bytes += bytes.length
      progress.show(texts('export.progress', { count: count.bytes }))
      yield bytes
    }
  }

/** All stored data of a user, as `GET /api/user/export` sends it. */
export const exportUser = defineCommand({
  name: 'export',
  text: 'export',
  arguments: [USER],
  options: [{ flags: '--out <file>', text: 'option.output' }],
  examples: [
    'export haneul@example.com --out haneul.json',
    'export 4503599627370497 > user.json',
    'export haneul@example.com --out haneul.json --json',
  ],
  result: Type.Object(
    { user: Type.Integer(), file: Type.String(), bytes: Type.Integer() },
    { description: 'Without `--out`, standard output has the exported document itself.' },
  ),
  run: (context, input) =>
    withServerParts(context, async ({ app, emit }) => {
      const user = (await findUser(app.database.orm, getArgument(input, 0), context)).id
      const exports = createExport({
        orm: app.database.patient.orm,
        repository: exportRepository,
        safeOf: app.vault.safeOf,
        pseudonymOf: app.vault.pseudonymOf,
      })
      const pieces = await exports.begin(user)
      const file = getText(input, 'out')
      // An existing file is not overwritten.
      const target = file === undefined ? undefined : await open(file, 'wx', 0o600)
      emit({ event: 'sensitive_read', userId: user, details: { object: 'export' } })
      const count = { bytes: 0 }
      if (file === undefined || target === undefined) {
        await pipeline(pieces, meter(context, count), context.terminal.stdout, { end: false })
        context.terminal.stdout.write('\n')
        return { result: null }
      }
      try {
        await pipeline(pieces, meter(context, count), target.createWriteStream())
      } catch (error) {
        await rm(file, { force: true })
        throw error
      }
      return { result: { user, file, bytes: count.bytes } }
    }),
  print: (result, texts) => [texts('export.written', result)],
})
