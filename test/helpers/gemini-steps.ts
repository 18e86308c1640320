/** What the double can do with a request. */
export * from '../../gemini-double/steps.ts'
