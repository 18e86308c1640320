import { createPrivateKey, createPublicKey, hkdfSync, sign } from 'node:crypto'

/** What surrounds 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410, 7). */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signs receipts as compact JWS (RFC 7515) with Ed25519, so that whoever holds one can have it checked by anybody. */
export function createReceipts(secret: string) {
  const seed = Buffer.from(hkdfSync('sha256', secret, '', 'maeum receipts', 32))
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' })
  const { kty, crv, x } = createPublicKey(key).export({ format: 'jwk' })
  return {
    publicKey: { kty: String(kty), crv: String(crv), x: String(x) },
    sign(content: object): string {
      const signed = `${encoded({ alg: 'EdDSA', typ: 'JWT' })}.${encoded(content)}`
      return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`
    },
  }
}

export type Receipts = ReturnType<typeof createReceipts>
