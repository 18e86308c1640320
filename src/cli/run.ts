import { CommanderError } from 'commander'
import { readConfig } from '../config/config.ts'
import { readSettings } from '../config/environment.ts'
import { type Command, type Context, EXIT, type ExitCode, type Input } from './command.ts'
import { chooseLanguage } from './language.ts'
import { createProgress, writeLines } from './output.ts'
import { buildProgram, describeUsageFault } from './program.ts'
import { reasonsOf } from './reasons.ts'
import type { Terminal } from './terminal.ts'
import { createTexts } from './texts.ts'

/** Runs one command and writes its output. Errors are lines on standard error, and with `--json` also the document. */
async function execute(command: Command, context: Context, input: Input): Promise<ExitCode> {
  const { terminal, isJson, progress } = context
  try {
    const { document, lines, exit } = await command.execute(context, input)
    progress.clear()
    if (!isJson) writeLines(terminal.stdout, lines)
    else if (document !== null) writeLines(terminal.stdout, [JSON.stringify(document)])
    return exit
  } catch (error) {
    progress.clear()
    fail(terminal, reasonsOf(error, context.language), isJson)
    return EXIT.failed
  }
}

function fail({ stdout, stderr }: Terminal, reasons: readonly string[], isJson: boolean): void {
  writeLines(stderr, reasons)
  if (isJson) writeLines(stdout, [JSON.stringify({ error: { messages: reasons } })])
}

/** Runs the command line; resolves with the exit code. `commands` are those of the program. */
export async function runCli(
  commands: readonly Command[],
  argv: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  const language = chooseLanguage(argv, terminal.environment)
  const texts = createTexts(language)
  const progress = createProgress(terminal)
  let exit: ExitCode = EXIT.done
  const program = buildProgram(commands, {
    terminal,
    texts,
    run: async (command, input) => {
      const context: Context = {
        readConfig: () => readConfig(readSettings(terminal.environment)),
        ...{ terminal, language, texts, progress },
        isJson: input.options['json'] === true,
        warn: (line) => {
          progress.clear()
          writeLines(terminal.stderr, [line])
        },
      }
      exit = await execute(command, context, input)
    },
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exit
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    const fault = describeUsageFault(error, texts)
    if (fault !== undefined) fail(terminal, [fault], argv.includes('--json'))
    return error.exitCode === 0 ? EXIT.done : EXIT.failed
  }
}
