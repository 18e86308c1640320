let dictionaryLoad: Promise<ReadonlySet<string>> | undefined

/** Minimum length of a password. */
const MIN_LENGTH = 8

/**
 * Whether the password is among the most common ones (the zxcvbn dictionary, some 18,000 that are long enough),
 * ignoring case. The list is loaded on first use, because it costs 30 ms and 15 MB.
 */
export async function isCommonPassword(password: string): Promise<boolean> {
  dictionaryLoad ??= load()
  return (await dictionaryLoad).has(password.normalize('NFC').toLowerCase())
}

async function load(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  return new Set(dictionary['passwords-common'].filter((word) => word.length >= MIN_LENGTH))
}

/** In the form of a schema validation error, to reuse its messages. */
export const commonPassword = (field: string) =>
  Object.assign(new Error('a common password'), {
    validation: [{ keyword: 'common', instancePath: `/${field}`, schemaPath: '', params: {} }],
  })
