import {
  Argument as CommanderArgument,
  Command as CommanderCommand,
  CommanderError,
  InvalidArgumentError,
  Option as CommanderOption,
} from 'commander'
import { LANGUAGES } from '../domain/language.ts'
import { VERSION } from '../version.ts'
import { type Argument, type Command, EXIT, type Input, type Option } from './command.ts'
import { LANGUAGE_FLAG } from './command-line.ts'
import type { Terminal } from './terminal.ts'
import type { TextKey, Texts } from './texts.ts'

export const PROGRAM = 'maeum'

const LANGUAGE: Option = { flags: `${LANGUAGE_FLAG} <language>`, text: 'option.language', choices: LANGUAGES }
const JSON_OUTPUT: Option = { flags: '--json', text: 'option.json' }

/** The options of a command, with those that all commands have. */
export const optionsOf = ({ options = [], result }: Command): readonly Option[] => [
  ...options,
  ...(result === null ? [] : [JSON_OUTPUT]),
  LANGUAGE,
]

/** Texts of the groups, whose commands have two words. */
const GROUPS: Readonly<Record<string, TextKey>> = {
  user: 'user',
  session: 'session',
  audit: 'audit',
  keys: 'keys',
  retention: 'retention',
}

/** The headings of commander's help. */
const HEADINGS: Readonly<Record<string, TextKey>> = {
  'Usage:': 'help.usage',
  'Arguments:': 'help.arguments',
  'Options:': 'help.options',
  'Commands:': 'help.commands',
}

type Options = {
  readonly terminal: Pick<Terminal, 'stdout' | 'stderr'>
  readonly texts: Texts
  readonly run: (command: Command, input: Input) => Promise<void>
}

function toOption({ flags, text, choices, max, default: value }: Option, texts: Texts): CommanderOption {
  const option = new CommanderOption(flags, texts(text))
  if (choices !== undefined) option.choices(choices)
  if (value !== undefined) option.default(value)
  if (max !== undefined)
    option.argParser((given: string) => {
      const number = Number(given)
      if (!Number.isInteger(number) || number < 1 || number > max)
        throw new InvalidArgumentError(texts('usage.number', { max }))
      return number
    })
  return option
}

function toArgument({ name, text, choices }: Argument, texts: Texts): CommanderArgument {
  const argument = new CommanderArgument(`<${name}>`, texts(text))
  return choices === undefined ? argument : argument.choices(choices)
}

/** The text of an option or argument with its choices and its default. */
function describeInput({
  description,
  argChoices,
  defaultValue,
}: CommanderOption | CommanderArgument): string {
  const notes = [...(argChoices ?? []), ...(defaultValue === undefined ? [] : [String(defaultValue)])]
  return notes.length === 0 ? description : `${description} (${notes.join(', ')})`
}

/** The parser of the command line, in the language of `texts`. */
export function buildProgram(
  commands: readonly Command[],
  { terminal, texts, run }: Options,
): CommanderCommand {
  const program = new CommanderCommand(PROGRAM)
    .description(texts('program'))
    .version(VERSION, '-V, --version', texts('option.version'))
    .helpOption('-h, --help', texts('option.help'))
    .helpCommand('help [command]', texts('command.help'))
    .addOption(toOption(JSON_OUTPUT, texts))
    .addOption(toOption(LANGUAGE, texts))
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      outputError: () => undefined, // `describeUsageFault`
    })
    .configureHelp({
      styleTitle: (title) => {
        const key = HEADINGS[title]
        return key === undefined ? title : texts(key)
      },
      optionDescription: describeInput,
      argumentDescription: describeInput,
    })
    .addHelpText('after', `\n${texts('help.more')}`)
  const groups = new Map<string, CommanderCommand>()
  const getGroup = (name: string): CommanderCommand => {
    const known = groups.get(name)
    if (known !== undefined) return known
    const group = program
      .command(name)
      .description(texts(GROUPS[name] ?? 'program'))
      .helpCommand(false)
      .addOption(toOption(LANGUAGE, texts))
    groups.set(name, group)
    return group
  }
  for (const command of commands) {
    const [first = '', second] = command.name.split(' ')
    const parent = second === undefined ? program : getGroup(first)
    const parsed = parent.command(second ?? first).description(texts(command.text))
    for (const argument of command.arguments ?? []) parsed.addArgument(toArgument(argument, texts))
    for (const option of optionsOf(command)) parsed.addOption(toOption(option, texts))
    const examples = command.examples.map((example) => `  ${PROGRAM} ${example}`)
    parsed.addHelpText('after', `\n${texts('help.examples')}\n${examples.join('\n')}`)
    parsed.action(() => {
      const options: Input['options'] = parsed.optsWithGlobals()
      if (options['json'] === true && command.result === null)
        throw new CommanderError(EXIT.failed, 'commander.unknownOption', "unknown option '--json'")
      return run(command, { args: parsed.args, options })
    })
  }
  return program
}

/** commander's faults; each quotes the name of what is wrong first. */
const FAULTS: Readonly<Record<string, TextKey>> = {
  'commander.unknownCommand': 'usage.unknownCommand',
  'commander.unknownOption': 'usage.unknownOption',
  'commander.missingArgument': 'usage.missingArgument',
  'commander.optionMissingArgument': 'usage.missingValue',
  'commander.invalidArgument': 'usage.invalid',
  'commander.excessArguments': 'usage.excessArguments',
}

/** One line for a wrong command line; undefined when help or the version was asked for. */
export function describeUsageFault(
  { code, message, exitCode }: CommanderError,
  texts: Texts,
): string | undefined {
  if (exitCode === 0 || code === 'commander.help') return undefined
  const key = FAULTS[code]
  if (key === undefined) return message
  const quoted = [...message.matchAll(/'([^']*)'/g)].map(([, text = '']) => text)
  // An option is named before its value, an argument after it.
  const [name = '', value = ''] = message.includes('for argument') ? quoted.toReversed() : quoted
  const [, reason = ''] = /is invalid[^.]*\. (?:Allowed choices are )?(.*?)\.?$/.exec(message) ?? []
  return texts(key, { name, value, reason })
}
