/** The option whose value is the next argument and which may stand before the command. */
export const LANGUAGE_FLAG = '--language'

/** The first word of the command line that is no option: the name of the command or of its group. */
export function findCommandWord(argv: readonly string[]): string | undefined {
  return argv.find((text, place) => !text.startsWith('-') && argv[place - 1] !== LANGUAGE_FLAG)
}
