import { randomBytes } from 'node:crypto'
import t from 'tap'
import { decrypt, encrypt, peek } from '../../src/backup/encryption.ts'
import { BackupError } from '../../src/backup/faults.ts'

const KEY = randomBytes(32)
const BLOCK = 64 * 1024
const HEADER = 56

async function* chunksOf(bytes: Buffer, size: number) {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
}

const collect = async (stream: AsyncIterable<Buffer>) => {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

const open = async (bytes: Buffer) => collect(decrypt(await peek(chunksOf(bytes, 10_000)), KEY))

for (const size of [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
  t.test(`${size} bytes come back as they were, and none of them in clear`, async (t) => {
    const content = randomBytes(size)
    const sealed = await collect(encrypt(chunksOf(content, 7000), KEY))
    t.ok((await open(sealed)).equals(content))
    t.notOk(size > 32 && sealed.includes(content.subarray(0, 32)))
  })

/** The fault of a refusal, else `none`. */
const faultOf = (bytes: Buffer): Promise<string> =>
  open(bytes).then(
    () => 'none',
    (error: unknown) => (error instanceof BackupError ? error.fault : String(error)),
  )

t.test('an end that is missing is noticed wherever it is cut', async (t) => {
  const sealed = await collect(encrypt(chunksOf(randomBytes(3 * BLOCK + 5), 7000), KEY))
  for (let blocks = 0; blocks <= 3; blocks++)
    t.equal(
      await faultOf(sealed.subarray(0, HEADER + blocks * (BLOCK + 16))),
      'truncated',
      `${blocks} blocks`,
    )
  t.equal(await faultOf(sealed.subarray(0, HEADER - 1)), 'truncated')
  t.equal(await faultOf(sealed.subarray(0, -1)), 'damaged')
})

t.test('the same content is never encrypted the same', async (t) => {
  const seal = async () => collect(encrypt(chunksOf(Buffer.from('the same'), 8), KEY))
  t.notOk((await seal()).equals(await seal()))
})
