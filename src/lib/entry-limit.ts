/**
 * The limit of an LRU cache as a number of entries. The option `max` of lru-cache allocates memory for all of them when
 * the cache is created: with this limit it grows with its entries.
 */
export const entryLimit = (entries: number) => ({ maxSize: entries, sizeCalculation: () => 1 })
