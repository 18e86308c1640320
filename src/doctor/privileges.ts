import { describeOpened, findDefaultPrivileges, findOpened } from '../db/api-roles.ts'
import type { Check } from './checks.ts'
import { fromLine, type Report } from './report.ts'
import type { Session } from './session.ts'

type Dependencies = { readonly session: Session; readonly report: Report }

/** The roles through which a hosted Postgres publishes the schema `public` over HTTP. */
export const privilegeChecks = ({ session, report }: Dependencies): Check[] => [
  {
    name: 'privileges.api-roles',
    needs: ['database.connection'],
    run: async () => {
      const opened = describeOpened(await findOpened(session.main.sql))
      return opened === undefined ? report.ok('privileges.ok') : fromLine('fail', opened)
    },
  },
  {
    name: 'privileges.defaults',
    needs: ['database.connection'],
    run: async () => {
      const found = await findDefaultPrivileges(session.main.sql)
      if (found.length === 0) return report.ok('defaults.ok')
      return found.map(({ owner, kind, isGlobal, roles }) => {
        const names = roles.join(', ')
        const place = isGlobal ? '' : ' IN SCHEMA public'
        const statement = `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner}${place} REVOKE ALL ON ${kind.toUpperCase()} FROM ${names}`
        return report.warn('defaults.open', { owner, kind: report.word(kind), roles: names, statement })
      })
    },
  },
]
