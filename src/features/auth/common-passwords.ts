let known: Promise<ReadonlySet<string>> | undefined

/** No password that may be chosen is shorter. */
const SHORTEST = 8

/**
 * Whether it is among the most common passwords (the dictionary of zxcvbn, some 18,000 that are long enough), in any case
 * of its letters. The list is read when it is first asked for: 30 ms and 15 MB that a server without signups never pays.
 */
export async function isCommon(password: string): Promise<boolean> {
  known ??= load()
  return (await known).has(password.normalize('NFC').toLowerCase())
}

async function load(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  return new Set(dictionary['passwords-common'].filter((word) => word.length >= SHORTEST))
}
