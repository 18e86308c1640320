import { MEASURES } from '../src/domain/face/measures.ts'
import { SHAPE_MIDLINE, SHAPE_PAIRS } from '../src/domain/face/points.ts'
import { faceWith } from './face-drawing.ts'

const INTRODUCTION = `# Measures of the face

Written by \`npm run docs\` from \`src/domain/face/measure-table.ts\`; do not edit.

Every frame is first turned upright and to the camera by a rigid fit to points that do not move with expression, and
scaled: one unit is the distance between the outer eye corners. A measure that exists on both sides is their mean, so a
mirrored picture measures the same. Of each measure a window keeps the median, the 90th percentile, the distance from
the 10th to the 90th, and how much its second half differs from its first.

Landmarks are those of the MediaPipe face mesh. The drawings stand on the mean of the faces that the model was fitted
to. Action units are those of the Facial Action Coding System that move the measure most.

`

const WINDOW = `
## Of the whole window

| Name | Meaning | Unit |
|---|---|---|
| \`frameCount\`, \`framesLeftOut\` | frames measured; frames with no plausible face; those turned by more than 35 degrees, or with a sixth of the face outside the picture, while others were not | frames |
| \`doubt\` | why nothing here is to be relied on: \`out_of_picture\` (so was every face), \`several_faces\` (faces that take turns: more than two jumps that no head makes); null when there is no reason | |
| \`aspect\`, \`aspectSource\` | width over height of the camera's image: as sent, found from the faces (also where they speak clearly against what was sent), or assumed | ratio |
| \`pose\` | median yaw, pitch and roll of the head | degrees |
| \`mouthMotion\` | mean absolute change of \`mouthOpening\` | eye distances a second |
| \`speech\` | how much the mouth opens and closes again and again: 0 none, 1 as in talking | 0 to 1 |
| \`onset\` | quickest change of \`lipCornerPull\`, \`midBrowRaise\` or \`jawDrop\` over a quarter of a second | eye distances a second |
| \`blinksPerMinute\` | falls of \`eyeOpening\` under 0.6 of its median; a lower bound at a few frames a second | per minute |
| \`shape\` | the median shape of ${SHAPE_PAIRS.length} pairs and ${SHAPE_MIDLINE.length} midline points, made symmetric, along seven axes, one for each label of the first head | logits |
`

/** docs/measures.md and the drawings that it shows. */
export function measureDocuments(): { path: string; text: string }[] {
  const sections = MEASURES.map(
    ({ name, au, points, unit, formula, source }) => `### \`${name}\`

<img src="measures/${name}.svg" alt="the points of ${name} on a face" width="220" align="right">

${formula[0]?.toUpperCase()}${formula.slice(1)}.

- Landmarks: ${points.join(', ')}
- Unit: ${unit}
- Action unit: ${au ?? 'none'}
- Source: ${source}

<br clear="all">
`,
  )
  return [
    { path: 'docs/measures.md', text: `${INTRODUCTION}## Of each frame\n\n${sections.join('\n')}${WINDOW}` },
    ...MEASURES.map(({ name, formula, points }) => ({
      path: `docs/measures/${name}.svg`,
      text: faceWith(`${name}: ${formula}`, points),
    })),
  ]
}
