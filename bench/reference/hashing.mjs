// Argon2 alone: node hashing.mjs <milliseconds> <memory KiB> <passes> <lanes>; prints hashes per second.
import { availableParallelism } from 'node:os'
import { hash } from '@node-rs/argon2'

const [ms, memoryCost, timeCost, parallelism] = process.argv.slice(2).map(Number)
const ARGON2ID = 2
const options = { algorithm: ARGON2ID, memoryCost, timeCost, parallelism }

let hashes = 0
const begun = performance.now()
const work = async () => {
  while (performance.now() - begun < ms) {
    await hash('password123', options)
    hashes++
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work))
console.log((hashes * 1000) / (performance.now() - begun))
