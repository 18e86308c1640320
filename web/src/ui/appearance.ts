import type { Preferences } from '../../../src/domain/preferences.ts'
import { deviceStorage } from '../storage.ts'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]
type Appearance = Pick<Preferences, 'fontScale' | 'layoutDensity'> & { readonly theme: Theme }

const KEY = 'maeum.look'
const DEFAULTS: Appearance = { theme: 'system', fontScale: 'md', layoutDensity: 'spacious' }

/** The appearance stored on this device, so that a page does not change after it is shown. */
export function getAppearance(): Appearance {
  try {
    return { ...DEFAULTS, ...(JSON.parse(deviceStorage.get(KEY) ?? '{}') as Partial<Appearance>) }
  } catch {
    return DEFAULTS
  }
}

export function applyAppearance(changes: Partial<Appearance> = {}): void {
  const next = { ...getAppearance(), ...changes }
  deviceStorage.set(KEY, JSON.stringify(next))
  const { dataset } = document.documentElement
  dataset['theme'] = next.theme
  dataset['scale'] = next.fontScale
  dataset['density'] = next.layoutDensity
}
