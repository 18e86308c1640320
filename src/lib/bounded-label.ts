/** The first `max` different values as they are, all later ones as `other`: the number of series stays bounded. */
export function createBoundedLabel(max: number, other: string): (value: string) => string {
  const known = new Set<string>()
  return (value) => {
    if (known.has(value)) return value
    if (known.size >= max) return other
    known.add(value)
    return value
  }
}
