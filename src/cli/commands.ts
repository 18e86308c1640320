import { auditVerify } from './audit.ts'
import { backup } from './backup.ts'
import type { Command } from './command.ts'
import { demo } from './demo.ts'
import { doctor } from './doctor.ts'
import { dossier } from './dossier.ts'
import { erase } from './erase.ts'
import { exportUser } from './export.ts'
import { keysReencrypt, keysRotate, keysStatus } from './keys.ts'
import { migrate } from './migrate.ts'
import { replay } from './replay.ts'
import { restore } from './restore.ts'
import { retentionRun } from './retention.ts'
import { sessionEnd, sessionList, sessionShow } from './session.ts'
import { start } from './start.ts'
import { userDisable, userEnable, userLogout, userRole } from './user/change.ts'
import { userList, userShow } from './user/list.ts'
import { userCreate, userResetPassword } from './user/password.ts'

/** All commands, in the order of the help and of docs/cli.md. */
export const COMMANDS: readonly Command[] = [
  start,
  doctor,
  dossier,
  migrate,
  userList,
  userShow,
  userCreate,
  userDisable,
  userEnable,
  userLogout,
  userRole,
  userResetPassword,
  sessionList,
  sessionShow,
  sessionEnd,
  replay,
  auditVerify,
  keysStatus,
  keysRotate,
  keysReencrypt,
  exportUser,
  erase,
  retentionRun,
  backup,
  restore,
  demo,
]
