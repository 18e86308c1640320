import type { Preferences } from '../../../src/domain/preferences.ts'
import { onDevice } from '../kept.ts'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]
type Look = Pick<Preferences, 'fontScale' | 'layoutDensity'> & { readonly theme: Theme }

const KEY = 'maeum.look'
const USUAL: Look = { theme: 'system', fontScale: 'md', layoutDensity: 'spacious' }

/** As it was last seen on this device, so that a page does not change its looks after it has appeared. */
export function look(): Look {
  try {
    return { ...USUAL, ...(JSON.parse(onDevice.get(KEY) ?? '{}') as Partial<Look>) }
  } catch {
    return USUAL // not ours, or spoilt
  }
}

export function applyLook(changes: Partial<Look> = {}): void {
  const next = { ...look(), ...changes }
  onDevice.set(KEY, JSON.stringify(next))
  const { dataset } = document.documentElement
  dataset['theme'] = next.theme
  dataset['scale'] = next.fontScale
  dataset['density'] = next.layoutDensity
}
