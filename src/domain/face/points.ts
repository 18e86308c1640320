/** Points of the MediaPipe face mesh; with irises (`refineLandmarks`) ten more follow. */
export const MESH_POINTS = 468
export const REFINED_POINTS = 478

/**
 * Points that hardly move with expression: the head pose is fitted to them. Forehead, hairline and temples in pairs
 * (subject's right, left), then the midline from the hairline down the bridge of the nose.
 */
export const RIGID_POINTS = [
  67, 297, 103, 332, 54, 284, 21, 251, 162, 389, 127, 356, 33, 263, 133, 362, 10, 151, 9, 168, 6, 197, 195,
] as const

const LIDS = [160, 159, 158, 144, 145, 153, 387, 386, 385, 373, 374, 380]
const BROWS = [70, 63, 105, 66, 107, 55, 300, 293, 334, 296, 336, 285]
const LIPS = [61, 291, 78, 308, 0, 17, 13, 14, 37, 267, 40, 270, 181, 405, 91, 321, 81, 311, 178, 402]
const NOSE = [1, 2, 129, 358]
const CHEEKS_AND_CHIN = [50, 280, 205, 425, 117, 346, 152, 200, 199, 172, 397]

/** Four points around each iris; present only in refined frames. */
export const IRIS_POINTS = [469, 470, 471, 472, 474, 475, 476, 477] as const

/**
 * Every landmark that some measure, the pose fit or the camera shape needs, in the order in which a kept frame
 * stores them; the rest of a frame is not kept. 90 points make a kept frame 1,080 bytes.
 */
export const POINTS_IN_USE: readonly number[] = [
  ...RIGID_POINTS,
  ...LIDS,
  ...BROWS,
  ...LIPS,
  ...NOSE,
  ...CHEEKS_AND_CHIN,
  ...IRIS_POINTS,
]

/** Landmark index -> place in `POINTS_IN_USE`, or -1 when the landmark is not kept. */
export const SLOTS: Int16Array = new Int16Array(REFINED_POINTS).fill(-1)
for (const [place, index] of POINTS_IN_USE.entries()) SLOTS[index] = place

/** The place of landmark `index` in a kept frame, or -1 when it is not kept. */
export function slot(index: number): number {
  return SLOTS[index] ?? -1
}
