import { BackupError } from '../../backup/faults.ts'
import { CommandError, type Context } from '../command.ts'

/** Runs `work`; the reason for a backup that cannot be made or read is in the language of the output. */
export async function withReasons<T>({ texts }: Context, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BackupError)
      throw new CommandError(texts(`backup.fault.${error.fault}`, error.values), { cause: error })
    throw error
  }
}
