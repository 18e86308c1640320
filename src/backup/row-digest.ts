import { hash } from 'node:crypto'

const LINE_FEED = 0x0a

/**
 * A digest of a set of rows in the text format of COPY, whatever their order: a table returns its rows in another order
 * than it stored them. The sum of the first eight bytes of the SHA-256 of each row: against damage, not against forgery.
 */
export function createRowDigest() {
  let sum = 0n
  return {
    /** Whole rows. */
    add(rows: Buffer): void {
      for (let from = 0; from < rows.length; ) {
        const end = rows.indexOf(LINE_FEED, from) + 1 || rows.length
        sum += hash('sha256', rows.subarray(from, end), 'buffer').readBigUInt64LE()
        from = end
      }
    },
    get value(): bigint {
      return BigInt.asUintN(64, sum)
    },
  }
}
