import { slot } from './points.ts'

/** A face without its head pose: x towards the subject's left, y down, z away from the camera, for each point in use. */
export type Face = {
  /** x, y, z of each of `POINTS_IN_USE`, in distances between the outer eye corners, origin at the rigid points' centre. */
  readonly points: Float64Array
}

export type Measure<Name extends string = string> = {
  readonly name: Name
  /** The action unit of the Facial Action Coding System with the largest effect, or null. */
  readonly au: string | null
  readonly points: readonly number[]
  readonly unit: 'eye distances' | 'ratio'
  /** Description of the measure. */
  readonly formula: string
  readonly source: string
  readonly compute: (face: Face) => number
}

const FACS = 'Ekman, Friesen & Hager (2002), Facial Action Coding System: The Manual'
const EYE_ASPECT = 'Soukupova & Cech (2016), Real-Time Eye Blink Detection using Facial Landmarks'
const OWN = 'own, from the mesh'

/** All measures; symmetric in left and right, so that a mirrored image gives the same values. */
export const MEASURES = [
  measure(
    'innerBrowRaise',
    'AU1',
    [107, 336, 133, 362],
    FACS,
    'height of the inner brow ends over the inner eye corners',
    (f) => average(up(f, 107, 133), up(f, 336, 362)),
  ),
  measure(
    'outerBrowRaise',
    'AU2',
    [70, 300, 33, 263],
    FACS,
    'height of the outer brow ends over the outer eye corners',
    (f) => average(up(f, 70, 33), up(f, 300, 263)),
  ),
  measure(
    'midBrowRaise',
    'AU2',
    [105, 334, 33, 133, 263, 362],
    FACS,
    'height of the middle of the brows over the line of the eye corners',
    (f) => average(up(f, 105, 33, 133), up(f, 334, 263, 362)),
  ),
  measure(
    'browLower',
    'AU4',
    [55, 285, 168],
    FACS,
    'depth of the brow heads under the root of the nose',
    (f) => -average(up(f, 55, 168), up(f, 285, 168)),
  ),
  measure('browGap', 'AU4', [55, 285], FACS, 'distance between the brow heads; furrowing narrows it', (f) =>
    distance(f, 55, 285),
  ),
  measure(
    'browSlant',
    'AU1+4',
    [107, 336, 70, 300],
    FACS,
    'height of the inner over the outer brow ends',
    (f) => average(up(f, 107, 70), up(f, 336, 300)),
  ),
  measure(
    'browArch',
    'AU2',
    [105, 334, 70, 107, 300, 336],
    FACS,
    'height of the middle of the brows over the line of their ends',
    (f) => average(up(f, 105, 70, 107), up(f, 334, 300, 336)),
  ),
  measure('browLid', 'AU4', [63, 293, 160, 387], FACS, 'distance from the outer brow to the upper lid', (f) =>
    average(distance(f, 63, 160), distance(f, 293, 387)),
  ),
  measure(
    'eyeOpening',
    'AU5',
    [160, 144, 159, 145, 158, 153, 387, 373, 386, 374, 385, 380],
    EYE_ASPECT,
    'mean distance between the lids at three places',
    eyeOpening,
  ),
  measure(
    'upperLidRaise',
    'AU5',
    [159, 33, 133, 386, 263, 362],
    FACS,
    'height of the upper lids over the line of the eye corners',
    (f) => average(up(f, 159, 33, 133), up(f, 386, 263, 362)),
  ),
  measure(
    'lowerLidRaise',
    'AU7',
    [145, 33, 133, 374, 263, 362],
    FACS,
    'height of the lower lids over the line of the eye corners',
    (f) => average(up(f, 145, 33, 133), up(f, 374, 263, 362)),
  ),
  measure(
    'eyeWidth',
    null,
    [33, 133, 263, 362],
    EYE_ASPECT,
    'length of the eyes from corner to corner',
    (f) => average(distance(f, 33, 133), distance(f, 263, 362)),
  ),
  measure('cheekRaise', 'AU6', [50, 145, 280, 374], FACS, 'distance from the cheeks to the lower lids', (f) =>
    average(distance(f, 50, 145), distance(f, 280, 374)),
  ),
  measure(
    'lidCheek',
    'AU6',
    [117, 145, 346, 374],
    FACS,
    'distance from the lower orbit to the lower lids',
    (f) => average(distance(f, 117, 145), distance(f, 346, 374)),
  ),
  measure(
    'cheekDepth',
    'AU11',
    [205, 129, 425, 358],
    FACS,
    'depth of the cheeks beside the nose behind its wings',
    (f) => average(back(f, 205, 129), back(f, 425, 358)),
  ),
  measure(
    'noseWrinkle',
    'AU9',
    [129, 133, 358, 362],
    FACS,
    'distance from the wings of the nose to the inner eye corners',
    (f) => average(distance(f, 129, 133), distance(f, 358, 362)),
  ),
  measure('noseWidth', 'AU38', [129, 358], FACS, 'distance between the wings of the nose', (f) =>
    distance(f, 129, 358),
  ),
  measure('upperLipRaise', 'AU10', [2, 0], FACS, 'distance from the base of the nose to the upper lip', (f) =>
    distance(f, 2, 0),
  ),
  measure(
    'lipSideRaise',
    'AU10',
    [129, 40, 358, 270],
    FACS,
    'distance from the wings of the nose to the sides of the upper lip',
    (f) => average(distance(f, 129, 40), distance(f, 358, 270)),
  ),
  measure(
    'lipCornerPull',
    'AU12',
    [61, 33, 291, 263],
    FACS,
    'distance from the lip corners to the outer eye corners',
    (f) => average(distance(f, 61, 33), distance(f, 291, 263)),
  ),
  measure(
    'lipCornerLift',
    'AU12',
    [61, 291, 13, 14],
    FACS,
    'height of the lip corners over the middle of the mouth',
    (f) => average(up(f, 61, 13, 14), up(f, 291, 13, 14)),
  ),
  measure(
    'lipCornerDepress',
    'AU15',
    [61, 291, 2],
    FACS,
    'depth of the lip corners under the base of the nose',
    (f) => -average(up(f, 61, 2), up(f, 291, 2)),
  ),
  measure(
    'lipCornerDepth',
    'AU12',
    [61, 291, 13, 14],
    FACS,
    'depth of the lip corners behind the middle of the mouth',
    (f) => average(back(f, 61, 13, 14), back(f, 291, 13, 14)),
  ),
  measure('mouthWidth', 'AU20', [61, 291], FACS, 'distance between the outer lip corners', (f) =>
    distance(f, 61, 291),
  ),
  measure('upperLipHeight', 'AU24', [0, 13], FACS, 'thickness of the upper lip; pressing thins it', (f) =>
    distance(f, 0, 13),
  ),
  measure('lowerLipHeight', 'AU24', [14, 17], FACS, 'thickness of the lower lip; pressing thins it', (f) =>
    distance(f, 14, 17),
  ),
  measure(
    'upperLipBow',
    'AU10',
    [37, 267, 61, 291],
    OWN,
    'height of the upper lip over the lip corners',
    (f) => average(up(f, 37, 61), up(f, 267, 291)),
  ),
  measure(
    'lowerLipBow',
    'AU16',
    [91, 321, 17],
    OWN,
    'height of the sides of the lower lip over its middle',
    (f) => average(up(f, 91, 17), up(f, 321, 17)),
  ),
  measure(
    'lipPucker',
    'AU18',
    [78, 308, 61, 291],
    FACS,
    'width of the inner over the outer mouth',
    (f) => distance(f, 78, 308) / Math.max(distance(f, 61, 291), 1e-6),
    'ratio',
  ),
  measure(
    'mouthOpening',
    'AU25',
    [13, 14],
    FACS,
    'distance between the inner lips in the middle',
    mouthOpening,
  ),
  measure(
    'mouthSquareness',
    'AU16',
    [81, 178, 311, 402],
    FACS,
    'distance between the inner lips beside the middle',
    (f) => average(distance(f, 81, 178), distance(f, 311, 402)),
  ),
  measure('jawDrop', 'AU26', [2, 152], FACS, 'distance from the base of the nose to the chin', (f) =>
    distance(f, 2, 152),
  ),
  measure(
    'chinRaise',
    'AU17',
    [17, 200, 199],
    FACS,
    'distance from the lower lip to the boss of the chin',
    (f) => average(distance(f, 17, 200), distance(f, 17, 199)),
  ),
  measure(
    'lipAsymmetry',
    'AU14',
    [61, 291, 33, 263],
    FACS,
    'difference of left and right lip corner pull',
    (f) => Math.abs(distance(f, 61, 33) - distance(f, 291, 263)),
  ),
  measure(
    'faceWidth',
    null,
    [172, 397],
    OWN,
    'distance between the angles of the jaw: the shape of the head, not its expression',
    (f) => distance(f, 172, 397),
  ),
] as const

export type MeasureName = (typeof MEASURES)[number]['name']

/** A value for each measure, to be copied and filled: the copy of an object is faster than its construction by entries. */
export const EMPTY_MEASURES = Object.fromEntries(MEASURES.map(({ name }) => [name, Number.NaN])) as Readonly<
  Record<MeasureName, number>
> // every measure has an entry

/** Mean distance between upper and lower lids, both eyes. */
export function eyeOpening(f: Face): number {
  const right = distance(f, 160, 144) + distance(f, 159, 145) + distance(f, 158, 153)
  const left = distance(f, 387, 373) + distance(f, 386, 374) + distance(f, 385, 380)
  return (right + left) / 6
}

/** Distance between the inner lips in the middle of the mouth. */
export function mouthOpening(f: Face): number {
  return distance(f, 13, 14)
}

function measure<const Name extends string>(
  name: Name,
  au: string | null,
  points: readonly number[],
  source: string,
  formula: string,
  compute: (face: Face) => number,
  unit: Measure['unit'] = 'eye distances',
): Measure<Name> {
  return { name, au, points, unit, formula, source, compute }
}

function coordinate(f: Face, index: number, axis: 0 | 1 | 2): number {
  return f.points[slot(index) * 3 + axis] ?? Number.NaN
}

function distance(f: Face, a: number, b: number): number {
  const dx = coordinate(f, a, 0) - coordinate(f, b, 0)
  const dy = coordinate(f, a, 1) - coordinate(f, b, 1)
  const dz = coordinate(f, a, 2) - coordinate(f, b, 2)
  return Math.sqrt(dx * dx + dy * dy + dz * dz)
}

/** Height of `a` above `b`, or above the midpoint of `b` and `c`. */
function up(f: Face, a: number, b: number, c = b): number {
  return average(coordinate(f, b, 1), coordinate(f, c, 1)) - coordinate(f, a, 1)
}

/** Depth of `a` behind `b`, or behind the midpoint of `b` and `c`. */
function back(f: Face, a: number, b: number, c = b): number {
  return coordinate(f, a, 2) - average(coordinate(f, b, 2), coordinate(f, c, 2))
}

function average(a: number, b: number): number {
  return (a + b) / 2
}
