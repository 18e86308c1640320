import { FACE_PATH, type FromFace, NO_WEBGL2, type ToFace } from './messages.ts'

/*
 * Page of the face model, in a sandboxed frame without an origin: receives images, returns points, stores nothing and
 * sends no requests beyond the model's files.
 */

type Landmark = { readonly x: number; readonly y: number; readonly z: number }
/** The used part of `@mediapipe/face_mesh`. */
type Mesh = {
  setOptions(options: Record<string, number | boolean>): void
  onResults(listener: (results: { multiFaceLandmarks?: readonly (readonly Landmark[])[] }) => void): void
  initialize(): Promise<void>
  send(input: { image: HTMLCanvasElement }): Promise<void>
}
type MeshConstructor = new (options: { locateFile: (name: string) => string }) => Mesh

const post = (message: FromFace, transfer: Transferable[] = []) => parent.postMessage(message, '*', transfer)

async function load(): Promise<Mesh> {
  // Without WebGL 2 the model fails later with an unhelpful error.
  if (document.createElement('canvas').getContext('webgl2') === null) throw new Error(NO_WEBGL2)
  await new Promise((resolve, reject) => {
    const script = document.createElement('script')
    script.src = `${FACE_PATH}face_mesh.js`
    script.onload = resolve
    script.onerror = () => reject(new Error('face_mesh.js failed to load'))
    document.head.append(script)
  })
  const { FaceMesh } = globalThis as unknown as { FaceMesh: MeshConstructor } // defined by the script
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

function flatten(face: readonly Landmark[] | undefined): Float32Array | null {
  if (face === undefined) return null
  const points = new Float32Array(face.length * 3)
  for (const [i, { x, y, z }] of face.entries()) points.set([x, y, z], i * 3)
  return points
}

type Canvas = EventTarget & { getContext: (this: Canvas, ...wanted: unknown[]) => unknown }

/** The model creates its canvas itself and does not report a lost WebGL context: it only stops finding faces. */
function watchContextLoss(onLost: () => void): void {
  const kinds = [HTMLCanvasElement, globalThis.OffscreenCanvas] as readonly { readonly prototype: object }[]
  for (const { prototype } of kinds) {
    const canvas = prototype as Canvas // both classes have these members
    const { getContext } = canvas
    canvas.getContext = function (...wanted) {
      this.addEventListener('webglcontextlost', onLost)
      return getContext.apply(this, wanted)
    }
  }
}

async function serve(): Promise<void> {
  let isLost = false
  watchContextLoss(() => {
    isLost = true
    post({ kind: 'lost' })
  })
  const mesh = await load()
  const canvas = document.createElement('canvas')
  const context = canvas.getContext('2d')
  let found: Float32Array | null = null
  mesh.onResults(({ multiFaceLandmarks }) => {
    found = flatten(multiFaceLandmarks?.[0])
  })
  // The parent page sends the next image after the answer to the previous one.
  const process = async ({ image }: ToFace) => {
    canvas.width = image.width
    canvas.height = image.height
    context?.drawImage(image, 0, 0)
    image.close()
    found = null
    try {
      await mesh.send({ image: canvas })
      post(isLost ? { kind: 'lost' } : { kind: 'points', points: found })
    } catch (error) {
      post({ kind: 'failed', reason: String(error) })
    }
  }
  addEventListener('message', ({ source, data }: MessageEvent<ToFace>) => {
    if (source === parent) void process(data)
  })
  post({ kind: 'ready' })
}

serve().catch((error: unknown) =>
  post({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) }),
)
