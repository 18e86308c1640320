import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  randomBytes,
  sign,
  verify,
} from 'node:crypto'

/** The PKCS #8 prefix of the 32 bytes of an Ed25519 private key (RFC 8410, section 7). */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** A session in a receipt, which does not open its sockets as the id would. */
export const sessionMark = (sessionId: string): string => createHash('sha256').update(sessionId).digest('hex')

const encodeJson = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signs receipts as compact JWS (RFC 7515) with Ed25519. Anyone can verify one with the public key. */
export function createReceipts(secret: string) {
  const seed = Buffer.from(hkdfSync('sha256', secret, '', 'maeum receipts', 32))
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(key)
  const signJson = (content: object): string => {
    const signed = `${encodeJson({ alg: 'EdDSA', typ: 'JWT' })}.${encodeJson(content)}`
    return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`
  }
  const { kty, crv, x } = publicKey.export({ format: 'jwk' })
  return {
    publicKey: { kty: String(kty), crv: String(crv), x: String(x) },
    sign: signJson,
    /** A receipt of something that was erased now, for the log: a restored backup needs it. */
    issue: (event: 'session_erased' | 'consent_withdrawn', content: object): string => {
      const at = Date.now()
      const jti = randomBytes(16).toString('base64url')
      return signJson({ iss: 'maeum', jti, iat: Math.floor(at / 1000), at, event, ...content })
    },
    /** Whether this secret has signed the text. */
    isOurs(receipt: string): boolean {
      const end = receipt.lastIndexOf('.')
      const signature = Buffer.from(receipt.slice(end + 1), 'base64url')
      return verify(null, Buffer.from(receipt.slice(0, Math.max(0, end))), publicKey, signature)
    },
  }
}

export type Receipts = ReturnType<typeof createReceipts>
