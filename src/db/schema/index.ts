export * from './accounts.ts'
export * from './care.ts'
export * from './sessions.ts'
