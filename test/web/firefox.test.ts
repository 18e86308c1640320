import { randomBytes } from 'node:crypto'
import t from 'tap'
import { startTestApp } from '../helpers/app.ts'
import { openFirefox, skipFirefox } from './firefox.ts'

t.test(
  'in Firefox: sign up, a session, its report, and the face model in its frame',
  { skip: skipFirefox },
  async (t) => {
    const { origin } = await startTestApp(t, {
      env: { ANALYSIS_INTERVAL_MS: '4000', ANALYSIS_DEADLINE_MS: '3000' },
    })
    const page = await openFirefox(t)
    const name = randomBytes(6).toString('hex')
    const button = (text: string) =>
      `[...document.querySelectorAll('button, a.main, a.quiet')].find((one) => one.textContent === '${text}' && !one.hasAttribute('aria-disabled'))`
    const press = async (text: string) => {
      await page.until(button(text))
      await page.evaluate(`${button(text)}.click()`)
    }
    await page.goto(`${origin}/console/signup`)
    await page.until("document.querySelector('[name=email]')")
    for (const [field, value] of Object.entries({
      username: name,
      email: `${name}@example.com`,
      password: 'password123',
    }))
      await page.evaluate(`document.querySelector('[name=${field}]').value = '${value}'`)
    await press('Sign up')
    await press('I have read this and agree')
    await press('Play the demo recording')
    await press('Start the session')
    await page.until("document.querySelector('.connection').textContent === 'Connected'")
    await page.until('document.querySelector(\'.windows [data-window="1"]\')')
    t.equal(
      await page.evaluate('document.querySelector(\'.windows [data-window="1"]\').dataset.emotion'),
      'happy',
    )
    await press('End')
    await page.until("document.querySelector('.lead')?.textContent.includes('Most frequent expression')")
    await page.until("document.querySelector('.chart canvas')")

    await page.goto(`${origin}/console/session`)
    await page.until(
      "[...document.querySelectorAll('.checks .good')].some((one) => one.textContent.includes('Camera'))",
    )
    t.comment(
      'its frame without an origin loads; whether it can compute depends on the graphics of this machine',
    )
    const word = await page.evaluate<{ kind: string; reason?: string }>(`new Promise((resolve) => {
    addEventListener('message', ({ data }) => resolve(data))
    const frame = document.querySelector('iframe')
    frame.src = frame.src
  })`)
    const hasGraphics = await page.evaluate("document.createElement('canvas').getContext('webgl2') !== null")
    t.match(word, hasGraphics === true ? { kind: 'ready' } : { kind: 'failed', reason: 'no WebGL 2' })
  },
)
