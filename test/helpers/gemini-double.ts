/** The double of the Gemini API, as the tests know it. */
export * from '../../gemini-double/server.ts'
