/** Why a backup cannot be read or restored. The command line has a text for each. */
export type BackupFault =
  | 'not_a_backup'
  | 'newer_format'
  | 'key_missing'
  | 'key_invalid'
  | 'key_wrong'
  | 'damaged'
  | 'truncated'
  | 'incomplete'
  | 'differs'
  | 'newer_schema'
  | 'no_journal'
  | 'not_empty'
  | 'no_tables'

export class BackupError extends Error {
  readonly fault: BackupFault
  readonly values: Readonly<Record<string, unknown>>

  constructor(fault: BackupFault, values: Readonly<Record<string, unknown>> = {}) {
    super(`${fault} ${JSON.stringify(values)}`)
    this.name = 'BackupError'
    this.fault = fault
    this.values = values
  }
}
