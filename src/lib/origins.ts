const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** `https://name-*.example.app`: the star matches letters, digits and hyphens within one label. */
const pattern = (origin: string) => new RegExp(`^${origin.split('*').map(escaped).join('[a-z0-9-]+')}$`)

/** An allow-list of origins: exact ones, and ones with a star in one label. */
export function createOriginPolicy(list: readonly string[]) {
  const exact = new Set(list.filter((origin) => !origin.includes('*')))
  const patterns = list.filter((origin) => origin.includes('*')).map(pattern)
  return {
    /** The first exact origin of the list. */
    first: [...exact][0],
    allows: (origin: string): boolean =>
      exact.has(origin) || patterns.some((candidate) => candidate.test(origin)),
  }
}

export type OriginPolicy = ReturnType<typeof createOriginPolicy>
