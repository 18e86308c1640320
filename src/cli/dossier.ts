import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Type } from 'typebox'
import { renderFiles } from '../dossier/dossier.ts'
import { collectFacts } from '../dossier/facts.ts'
import { CommandError, defineCommand, getText } from './command.ts'
import { toTable } from './output.ts'

/** Documents for authorities, users and counsellors, made from the configuration. Uses no database. */
export const dossier = defineCommand({
  name: 'dossier',
  text: 'dossier',
  options: [{ flags: '--out <folder>', text: 'dossier.out' }],
  examples: [
    'dossier --out dossier',
    'dossier --out dossier-ko --language ko',
    'dossier --out dossier --json',
  ],
  result: Type.Object({
    folder: Type.String(),
    files: Type.Array(
      Type.Object({
        name: Type.String(),
        statements: Type.Integer({ description: 'statements that name their source' }),
        open: Type.Integer({ description: 'what the operator has to fill in: `TODO(operator)`' }),
      }),
    ),
  }),
  run: async (context, input) => {
    const folder = getText(input, 'out')
    if (folder === undefined) throw new CommandError(context.texts('dossier.noFolder'))
    const files = renderFiles(collectFacts(context.readConfig(), new Date()), context.language)
    await mkdir(folder, { recursive: true })
    // What the operator has filled in is never overwritten.
    if ((await readdir(folder)).length > 0)
      throw new CommandError(context.texts('dossier.notEmpty', { folder }))
    for (const { name, text } of files) await writeFile(join(folder, name), text, { flag: 'wx' })
    return {
      result: { folder, files: files.map(({ name, statements, open }) => ({ name, statements, open })) },
    }
  },
  print: ({ folder, files }, texts) => [
    ...toTable(
      [texts('column.file'), texts('column.statements'), texts('column.open')],
      files.map(({ name, statements, open }) => [join(folder, name), statements, open]),
    ),
    texts('dossier.done'),
  ],
})
