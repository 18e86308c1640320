import { defineCommand, EXIT } from './command.ts'

/** Serves until a signal ends the process. */
export const start = defineCommand({
  name: 'start',
  text: 'start',
  examples: ['start'],
  result: null,
  run: async () => {
    const { serve } = await import('../serve.ts') // sets options of V8
    return { result: null, exit: (await serve()) ? EXIT.done : EXIT.failed }
  },
  print: () => [],
})
