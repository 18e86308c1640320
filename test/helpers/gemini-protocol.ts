/** What the double speaks. */
export * from '../../gemini-double/protocol.ts'
