import { createPrivateKey, createPublicKey, hkdfSync, sign } from 'node:crypto'

/** The PKCS #8 prefix of the 32 bytes of an Ed25519 private key (RFC 8410, section 7). */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')

const encodeJson = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signs receipts as compact JWS (RFC 7515) with Ed25519. Anyone can verify one with the public key. */
export function createReceipts(secret: string) {
  const seed = Buffer.from(hkdfSync('sha256', secret, '', 'maeum receipts', 32))
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' })
  const { kty, crv, x } = createPublicKey(key).export({ format: 'jwk' })
  return {
    publicKey: { kty: String(kty), crv: String(crv), x: String(x) },
    sign(content: object): string {
      const signed = `${encodeJson({ alg: 'EdDSA', typ: 'JWT' })}.${encodeJson(content)}`
      return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`
    },
  }
}

export type Receipts = ReturnType<typeof createReceipts>
