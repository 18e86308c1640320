import { readFile } from 'node:fs/promises'
import { BACKUP_KEY_BYTES } from '../../backup/encryption.ts'
import { BackupError } from '../../backup/faults.ts'
import { CommandError, type Context, getText, type Input, type Option } from '../command.ts'

export const KEY_FILE: Option = { flags: '--key-file <file>', text: 'option.keyFile' }

/** The key of backups: from the file, else BACKUP_KEY; null: none. */
export async function readBackupKey(context: Context, input: Input): Promise<Buffer | null> {
  const file = getText(input, 'keyFile')
  const { backupKey } = context.readConfig().privacy
  if (file === undefined) return backupKey === null ? null : Buffer.from(backupKey, 'base64')
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new CommandError(context.texts('input.unreadable', { file }), { cause })
  })
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length !== BACKUP_KEY_BYTES) throw new BackupError('key_invalid', { file })
  return key
}
