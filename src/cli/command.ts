import type { Static, TSchema } from 'typebox'
import type { Config } from '../config/config.ts'
import type { Language } from '../domain/language.ts'
import type { Progress } from './output.ts'
import type { Terminal } from './terminal.ts'
import type { TextKey, Texts } from './texts.ts'

/** Exit codes of all commands. */
export const EXIT = {
  /** Success. */
  done: 0,
  /** The command ran and found something. */
  found: 1,
  /** The command could not run, or its output could not be written. */
  failed: 2,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** A reason, in the language of the output, why a command cannot run. */
export class CommandError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
  }
}

export type Argument = {
  readonly name: string
  readonly text: TextKey
  readonly choices?: readonly string[]
}

export type Option = {
  /** As commander reads them: `--limit <number>`. */
  readonly flags: string
  readonly text: TextKey
  readonly choices?: readonly string[]
  /** The option is a whole number from 1 to this. */
  readonly max?: number
  readonly default?: string | number
}

/** The parsed command line. */
export type Input = {
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, unknown>>
}

export type Context = {
  /** @throws ConfigError */
  readonly readConfig: () => Config
  readonly terminal: Terminal
  readonly language: Language
  readonly texts: Texts
  readonly isJson: boolean
  readonly progress: Progress
  /** Writes a line to standard error. */
  readonly warn: (line: string) => void
}

type Outcome<Result> = {
  /** Null if the command has written its output already. */
  readonly result: Result | null
  /** `done` by default. */
  readonly exit?: ExitCode
}

type Definition<Schema extends TSchema> = {
  /** One word, or two: a group and a command. */
  readonly name: string
  readonly text: TextKey
  readonly arguments?: readonly Argument[]
  readonly options?: readonly Option[]
  /** Without the name of the program. */
  readonly examples: readonly [string, ...string[]]
  /** What exit code 1 means; commands without findings have none. */
  readonly finding?: TextKey
  /** The document that `--json` prints; null: the command has no `--json`. */
  readonly result: Schema | null
  readonly run: (context: Context, input: Input) => Promise<Outcome<Static<Schema>>>
  readonly print: (result: Static<Schema>, texts: Texts) => readonly string[]
}

export type Command = Omit<Definition<TSchema>, 'run' | 'print'> & {
  readonly execute: (
    context: Context,
    input: Input,
  ) => Promise<{
    readonly document: unknown
    /** For people; empty if the command has written its output already. */
    readonly lines: readonly string[]
    readonly exit: ExitCode
  }>
}

export function defineCommand<Schema extends TSchema>(definition: Definition<Schema>): Command {
  const { run, print, ...described } = definition
  return {
    ...described,
    execute: async (context, input) => {
      const { result, exit = EXIT.done } = await run(context, input)
      const lines = result === null ? [] : print(result, context.texts)
      return { document: result, lines, exit }
    },
  }
}

/** The value of an option with a text; undefined if it is not given. */
export function getText({ options }: Input, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

export const hasFlag = ({ options }: Input, name: string): boolean => options[name] === true

/** The value of an option with a default number. */
export const getNumber = ({ options }: Input, name: string): number => Number(options[name])

/** A required argument. */
export function getArgument({ args }: Input, place: number): string {
  const value = args[place]
  if (value === undefined) throw new Error('the command line has no such argument')
  return value
}
