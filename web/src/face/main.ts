import { FACE_PATH, type FromFace, NO_WEBGL2, type ToFace } from './messages.ts'

/*
 * The page of the face model, in a frame without an origin: pictures come in, points go out, nothing is kept and nobody
 * else is spoken to.
 */

type Landmark = { readonly x: number; readonly y: number; readonly z: number }
/** The slice of `@mediapipe/face_mesh` that is used. */
type Mesh = {
  setOptions(options: Record<string, number | boolean>): void
  onResults(listener: (results: { multiFaceLandmarks?: readonly (readonly Landmark[])[] }) => void): void
  initialize(): Promise<void>
  send(input: { image: HTMLCanvasElement }): Promise<void>
}
type MeshConstructor = new (options: { locateFile: (name: string) => string }) => Mesh

const tell = (message: FromFace, transfer: Transferable[] = []) => parent.postMessage(message, '*', transfer)

async function load(): Promise<Mesh> {
  // Without it the model fails later, at something that names nothing.
  if (document.createElement('canvas').getContext('webgl2') === null) throw new Error(NO_WEBGL2)
  await new Promise((resolve, reject) => {
    const script = document.createElement('script')
    script.src = `${FACE_PATH}face_mesh.js`
    script.onload = resolve
    script.onerror = () => reject(new Error('the face model is not there'))
    document.head.append(script)
  })
  const { FaceMesh } = globalThis as unknown as { FaceMesh: MeshConstructor } // what the script leaves behind
  const mesh = new FaceMesh({ locateFile: (name) => FACE_PATH + name })
  mesh.setOptions({
    maxNumFaces: 1,
    refineLandmarks: true,
    minDetectionConfidence: 0.5,
    minTrackingConfidence: 0.5,
  })
  await mesh.initialize()
  return mesh
}

function flat(face: readonly Landmark[] | undefined): Float32Array | null {
  if (face === undefined) return null
  const points = new Float32Array(face.length * 3)
  for (const [i, { x, y, z }] of face.entries()) points.set([x, y, z], i * 3)
  return points
}

type Canvas = EventTarget & { getContext: (this: Canvas, ...wanted: unknown[]) => unknown }

/** The model makes its canvas itself, and says nothing when its graphics are lost: it only finds no face any more. */
function watchGraphics(onLost: () => void): void {
  const kinds = [HTMLCanvasElement, globalThis.OffscreenCanvas] as readonly { readonly prototype: object }[]
  for (const { prototype } of kinds) {
    const canvas = prototype as Canvas // as both are
    const { getContext } = canvas
    canvas.getContext = function (...wanted) {
      this.addEventListener('webglcontextlost', onLost)
      return getContext.apply(this, wanted)
    }
  }
}

async function serve(): Promise<void> {
  let isLost = false
  watchGraphics(() => {
    isLost = true
    tell({ kind: 'lost' })
  })
  const mesh = await load()
  const canvas = document.createElement('canvas')
  const pen = canvas.getContext('2d')
  let found: Float32Array | null = null
  mesh.onResults(({ multiFaceLandmarks }) => {
    found = flat(multiFaceLandmarks?.[0])
  })
  // The page around sends the next picture after the answer to the last one.
  const look = async ({ picture }: ToFace) => {
    canvas.width = picture.width
    canvas.height = picture.height
    pen?.drawImage(picture, 0, 0)
    picture.close()
    found = null
    try {
      await mesh.send({ image: canvas })
      tell(isLost ? { kind: 'lost' } : { kind: 'points', points: found })
    } catch (error) {
      tell({ kind: 'failed', reason: String(error) })
    }
  }
  addEventListener('message', ({ source, data }: MessageEvent<ToFace>) => {
    if (source === parent) void look(data)
  })
  tell({ kind: 'ready' })
}

serve().catch((error: unknown) =>
  tell({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) }),
)
