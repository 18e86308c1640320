export * from './accounts.ts'
export * from './care.ts'
export * from './models.ts'
export * from './sessions.ts'
