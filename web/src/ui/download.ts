import { type Client, MaeumError } from '../../../client/index.ts'

const REVOKE_AFTER_MS = 60_000

/** Downloads a file with authentication, under the file name that the server sends. */
export async function download(client: Client, path: string, fallbackName: string): Promise<void> {
  const answer = await client.fetch(path)
  if (!answer.ok)
    throw new MaeumError('DOWNLOAD_FAILED', `download failed, status ${answer.status}`, {
      status: answer.status,
    })
  const named = /filename="([^"]+)"/.exec(answer.headers.get('content-disposition') ?? '')?.[1]
  const url = URL.createObjectURL(await answer.blob())
  const link = document.createElement('a')
  link.href = url
  link.download = named ?? fallbackName
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_AFTER_MS)
}
