import type { Config } from './config.ts'

type State = 'on' | 'off' | 'required'

/** The configured protections of personal data. A misspelt variable shows as `off`. */
export const protectionsOf = ({
  privacy,
  sessions,
}: Config): Record<'encryption' | 'consent' | 'tickets' | 'retention', State> => ({
  encryption: privacy.dataKeys.length > 0 ? 'on' : 'off',
  consent: privacy.requireConsent ? 'required' : 'off',
  tickets: sessions.requireTicket ? 'required' : 'off',
  retention: Object.keys(privacy.retentionDays).length > 0 ? 'on' : 'off',
})
