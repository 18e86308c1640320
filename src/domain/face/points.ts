/** Number of points of the MediaPipe face mesh; with irises (`refineLandmarks`) ten more. */
export const MESH_POINTS = 468
export const REFINED_POINTS = 478

/**
 * Points that hardly move with expression, used to fit the head pose. Forehead, hairline and temples in pairs (subject's
 * right, left), then the midline from the hairline down the bridge of the nose.
 */
export const RIGID_POINTS = [
  67, 297, 103, 332, 54, 284, 21, 251, 162, 389, 127, 356, 33, 263, 133, 362, 10, 151, 9, 168, 6, 197, 195,
] as const

const LIP_PAIRS = [
  [37, 267],
  [39, 269],
  [40, 270],
  [61, 291],
  [78, 308],
  [80, 310],
  [81, 311],
  [82, 312],
  [84, 314],
  [87, 317],
  [88, 318],
  [91, 321],
  [95, 324],
  [146, 375],
  [178, 402],
  [181, 405],
  [185, 409],
  [191, 415],
] as const
const LID_PAIRS = [
  [7, 249],
  [33, 263],
  [133, 362],
  [144, 373],
  [145, 374],
  [153, 380],
  [154, 381],
  [155, 382],
  [157, 384],
  [158, 385],
  [159, 386],
  [160, 387],
  [161, 388],
  [163, 390],
  [173, 398],
  [246, 466],
] as const
const BROW_PAIRS = [
  [46, 276],
  [52, 282],
  [53, 283],
  [55, 285],
  [63, 293],
  [65, 295],
  [66, 296],
  [70, 300],
  [105, 334],
  [107, 336],
] as const
const NOSE_PAIRS = [
  [49, 279],
  [97, 326],
  [102, 331],
  [129, 358],
  [198, 420],
  [209, 429],
] as const
const CHEEK_AND_JAW_PAIRS = [
  [50, 280],
  [117, 346],
  [187, 411],
  [203, 423],
  [205, 425],
  [206, 426],
  [212, 432],
  [216, 436],
  [132, 361],
  [149, 378],
  [172, 397],
  [176, 400],
] as const

/**
 * Pairs of points (subject's right, left) that together with `SHAPE_MIDLINE` form the moving face: lips, lids, brows, nose,
 * cheeks, jaw. The measures use most of them, the whole shape all.
 */
export const SHAPE_PAIRS: readonly (readonly [number, number])[] = [
  ...LIP_PAIRS,
  ...LID_PAIRS,
  ...BROW_PAIRS,
  ...NOSE_PAIRS,
  ...CHEEK_AND_JAW_PAIRS,
]

/** Points on the midline of the face: nose, lips, chin, then the bridge of the nose up to the hairline. */
export const SHAPE_MIDLINE = [
  1, 2, 4, 0, 13, 14, 17, 18, 152, 175, 199, 200, 6, 9, 10, 151, 168, 195, 197,
] as const

/** Four points around each iris; present only in refined frames. */
const IRIS_POINTS = [469, 470, 471, 472, 474, 475, 476, 477] as const

/**
 * Every landmark used by a measure, the pose fit, the whole shape or the aspect ratio, in the order of a kept frame; other
 * points are not kept. 163 points make a kept frame 1,956 bytes.
 */
export const POINTS_IN_USE: readonly number[] = [
  ...new Set([...RIGID_POINTS, ...SHAPE_PAIRS.flat(), ...SHAPE_MIDLINE]),
  ...IRIS_POINTS,
]

/** Maps a landmark index to its index in `POINTS_IN_USE`; -1 when it is not kept. */
export const SLOTS: Int16Array = new Int16Array(REFINED_POINTS).fill(-1)
for (const [place, index] of POINTS_IN_USE.entries()) SLOTS[index] = place

/** Returns the index of a landmark in a kept frame; -1 when it is not kept. */
export function slot(index: number): number {
  return SLOTS[index] ?? -1
}
