import { execFileSync } from 'node:child_process'
import { stat, writeFile } from 'node:fs/promises'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { calibrated } from './fit/calibrate.ts'
import { FOLDS, readTrainingData, roundedModel, train } from './fit/train.ts'

/**
 * `npm run fit -- --data DIR` fits the local analyser to the landmark files in DIR and writes its model. The project
 * contains only the fitted numbers, not the data.
 */
const OUTPUT = new URL('../src/domain/face/local-2.json', import.meta.url)

const { values } = parseArgs({ options: { data: { type: 'string' }, date: { type: 'string' } } })
if (values.data === undefined) {
  process.stderr.write('say where the landmark files are: npm run fit -- --data DIR\n')
  process.exit(2)
}
const say = (text: string) => process.stderr.write(`${text}\n`)
const date = values.date ?? new Date().toISOString().slice(0, 10)
const data = readTrainingData(values.data)
say(
  `${data.samples.length} faces of ${new Set(data.groups).size} persons or pictures, ${data.clips.length} clips`,
)
const others = Array.from({ length: FOLDS }, (_, fold) => {
  say(`fitting without fold ${fold + 1} of ${FOLDS}, for the calibration`)
  return train(data, date, fold)
})
say('fitting to all')
const model = roundedModel(calibrated(train(data, date), others, data))
await writeFile(OUTPUT, JSON.stringify(model))
execFileSync('npx', ['biome', 'format', '--write', fileURLToPath(OUTPUT)], { timeout: 60_000 })
say(`${(await stat(OUTPUT)).size} bytes written to src/domain/face/local-2.json`)
