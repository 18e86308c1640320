import { MEASURES } from '../src/domain/face/measures.ts'
import { SHAPE_MIDLINE, SHAPE_PAIRS } from '../src/domain/face/points.ts'
import { faceWith } from './face-drawing.ts'

const INTRODUCTION = `# Measures of the face

Written by \`npm run docs\` from \`src/domain/face/measure-table.ts\`; do not edit.

Every frame is first aligned by a rigid fit to points that do not move with expression, and scaled: one unit is the
distance between the outer eye corners. A measure that exists on both sides is the mean of both, so a mirrored image has
the same measures. For each measure a window keeps the median, the 90th percentile, the distance from the 10th to the
90th percentile, and the difference between its second and its first half.

Landmarks are those of the MediaPipe face mesh. The drawings show the mean of the faces used for fitting. Action units
are those of the Facial Action Coding System that move the measure most.

`

const WINDOW = `
## Of the whole window

| Name | Meaning | Unit |
|---|---|---|
| \`frameCount\`, \`framesLeftOut\` | frames measured; frames excluded because they have no plausible face, or because the face is turned by more than 35 degrees or has a sixth outside the image while other frames do not | frames |
| \`doubt\` | why the window is unreliable: \`out_of_picture\` (every face was partly outside the image), \`several_faces\` (several faces in turn: more than two jumps that a head cannot make); otherwise null | |
| \`aspect\`, \`aspectSource\` | width over height of the camera's image: as sent, inferred from the faces (also if they clearly contradict the sent size), or assumed | ratio |
| \`pose\` | median yaw, pitch and roll of the head | degrees |
| \`mouthMotion\` | mean absolute change of \`mouthOpening\` | eye distances per second |
| \`speech\` | repeated opening and closing of the mouth: 0 none, 1 as in talking | 0 to 1 |
| \`onset\` | fastest change of \`lipCornerPull\`, \`midBrowRaise\` or \`jawDrop\` over a quarter of a second | eye distances per second |
| \`blinksPerMinute\` | drops of \`eyeOpening\` below 0.6 of its median; a lower bound at a few frames per second | per minute |
| \`shape\` | the median shape of ${SHAPE_PAIRS.length} pairs and ${SHAPE_MIDLINE.length} midline points, made symmetric, along seven axes, one for each label of the first head | logits |
`

/** docs/measures.md and its drawings. */
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
