import { Type } from 'typebox'
import { readSettings } from '../config/environment.ts'
import { diagnose, worstOf } from '../doctor/diagnose.ts'
import { FindingSchema } from '../protocol/rest/health.ts'
import { defineCommand, EXIT } from './command.ts'
import { toTable } from './output.ts'

/** Checks settings, machine, database, models and addresses. Changes nothing. */
export const doctor = defineCommand({
  name: 'doctor',
  text: 'doctor',
  examples: ['doctor', 'doctor --json', 'doctor --language ko'],
  finding: 'doctor.finding',
  result: Type.Object({
    status: Type.Enum(['ok', 'warn', 'fail'], { description: 'the worst status of all checks' }),
    checks: Type.Array(FindingSchema),
  }),
  run: async (context) => {
    const checks = await diagnose(readSettings(context.terminal.environment), {
      language: context.language,
      onDone: (name) => context.progress.show(name),
    })
    const status = worstOf(checks)
    return { result: { status, checks }, exit: status === 'fail' ? EXIT.found : EXIT.done }
  },
  print: ({ checks }, texts) => {
    const count = (wanted: string) => checks.filter(({ status }) => status === wanted).length
    return [
      ...toTable(
        [texts('column.result'), texts('column.check'), texts('column.found')],
        checks.map(({ name, status, cause, mend }) => [
          texts(`status.${status}`),
          name,
          mend === null ? cause : `${cause} → ${mend}`,
        ]),
      ),
      texts('doctor.summary', {
        ok: count('ok'),
        warn: count('warn'),
        fail: count('fail'),
        skipped: count('skipped'),
      }),
    ]
  },
})
