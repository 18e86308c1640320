import { type Client, MaeumError } from '../../../client/index.ts'

const FORGET_AFTER_MS = 60_000

/** Fetches a file with the login and hands it to the browser under the server's name for it. */
export async function download(client: Client, path: string, fallbackName: string): Promise<void> {
  const answer = await client.fetch(path)
  if (!answer.ok)
    throw new MaeumError('DOWNLOAD_FAILED', `an answer ${answer.status}`, { status: answer.status })
  const named = /filename="([^"]+)"/.exec(answer.headers.get('content-disposition') ?? '')?.[1]
  const url = URL.createObjectURL(await answer.blob())
  const link = document.createElement('a')
  link.href = url
  link.download = named ?? fallbackName
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), FORGET_AFTER_MS)
}
