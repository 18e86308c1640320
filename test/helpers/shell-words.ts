/** A simple command: assignments before it, the program, its arguments. */
export type ShellCommand = {
  readonly assignments: readonly string[]
  readonly program: string | undefined
  readonly args: readonly string[]
}

const SEPARATORS = /^(&&|\|\||[;|&\n])/

/**
 * The simple commands of a script, for what documents contain: quotes, comments, line continuations, redirections. The
 * contents of `$(…)` are a part of the word.
 */
export function splitCommands(script: string): ShellCommand[] {
  const commands: string[][] = [[]]
  let word: string | undefined
  let rest = script.replace(/\\\n/g, ' ')
  const end = () => {
    if (word !== undefined) commands.at(-1)?.push(word)
    word = undefined
  }
  const take = (length: number) => {
    const taken = rest.slice(0, length)
    rest = rest.slice(length)
    return taken
  }
  while (rest !== '') {
    const separator = SEPARATORS.exec(rest)?.[0]
    const quoted = /^'([^']*)'|^"((?:[^"\\]|\\[\s\S])*)"/.exec(rest)
    const special = /^(#.*|[<>]+ *[^\s;|&]*|[ \t]+)/.exec(rest)?.[0]
    const nested = /^\$\([^)]*\)/.exec(rest)?.[0]
    if (separator !== undefined) {
      end()
      commands.push([])
      take(separator.length)
    } else if (quoted !== null) {
      word = (word ?? '') + (quoted[1] ?? quoted[2] ?? '')
      take(quoted[0].length)
    } else if (nested !== undefined) word = (word ?? '') + take(nested.length)
    else if (special !== undefined && (word === undefined || !special.startsWith('#'))) {
      end()
      take(special.length)
    } else word = (word ?? '') + take(1)
  }
  end()
  return commands.filter((words) => words.length > 0).map(toCommand)
}

function toCommand(words: readonly string[]): ShellCommand {
  const first = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word))
  const start = first === -1 ? words.length : first
  return { assignments: words.slice(0, start), program: words[start], args: words.slice(start + 1) }
}
