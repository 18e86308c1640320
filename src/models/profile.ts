/** How a request limits the thinking of a model: by tokens, by level, or not. */
export type Thinking =
  | { readonly thinkingBudget: number }
  | { readonly thinkingLevel: 'minimal' | 'low' | 'medium' | 'high' }
  | null

/** Settings of requests to one model. */
export type Profile = {
  readonly thinking: Thinking
  /** Minimum of output tokens, because thinking counts as output. */
  readonly minOutputTokens: number
}

const BOUNDED_THINKING_TOKENS = 2048
const UNBOUNDED_THINKING_TOKENS = 8192

const OFF: Profile = { thinking: { thinkingBudget: 0 }, minOutputTokens: 0 }
const MIN_BUDGET: Profile = { thinking: { thinkingBudget: 128 }, minOutputTokens: BOUNDED_THINKING_TOKENS }
const MINIMAL: Profile = { thinking: { thinkingLevel: 'minimal' }, minOutputTokens: 0 }
const LOW: Profile = { thinking: { thinkingLevel: 'low' }, minOutputTokens: BOUNDED_THINKING_TOKENS }
const WITHOUT_THINKING: Profile = { thinking: null, minOutputTokens: 0 }
/** The model accepts no setting and may still think. */
const UNBOUNDED: Profile = { thinking: null, minOutputTokens: UNBOUNDED_THINKING_TOKENS }

/** The last generation of flash that accepts the level `minimal`; all flash-lite models do. */
const LAST_MINIMAL_FLASH = 3.6

/**
 * The minimum of thinking that each family accepts, as observed in November 2026: 2.5 accepts a budget, 0 except for
 * pro; from 3 on a level, and neither pro nor flash after 3.6 accepts `minimal`. An alias such as `gemini-flash-latest`
 * names no generation. Source: https://ai.google.dev/gemini-api/docs/thinking
 */
function familyProfile(model: string): Profile {
  const isPro = model.includes('pro')
  const generation = Number(/gemini-(\d+(?:\.\d+)?)/.exec(model)?.[1])
  if (generation >= 3) {
    const takesMinimal = !isPro && (model.includes('lite') || generation <= LAST_MINIMAL_FLASH)
    return takesMinimal ? MINIMAL : LOW
  }
  if (generation === 2.5) return isPro ? MIN_BUDGET : OFF
  return /gemini-.*latest/.test(model) ? LOW : WITHOUT_THINKING
}

const isLevel = (text: string): text is 'minimal' | 'low' | 'medium' | 'high' =>
  ['minimal', 'low', 'medium', 'high'].includes(text)

/** An operator's setting: a level, a number of tokens, or `none`. */
function configuredProfile(setting: string): Profile {
  if (setting === 'none') return UNBOUNDED
  if (isLevel(setting))
    return setting === 'minimal'
      ? MINIMAL
      : { thinking: { thinkingLevel: setting }, minOutputTokens: LOW.minOutputTokens }
  const thinkingBudget = Number(setting)
  return {
    thinking: { thinkingBudget },
    minOutputTokens: thinkingBudget === 0 ? 0 : thinkingBudget + BOUNDED_THINKING_TOKENS,
  }
}

export type ThinkingSettings = readonly (readonly [model: string, setting: string])[]

/** The profiles of the models, adjusted when the API refuses a setting. */
export function createProfiles(configured: ThinkingSettings = []) {
  const profiles = new Map(configured.map(([model, setting]) => [model, configuredProfile(setting)]))

  const profileOf = (model: string): Profile => {
    const profile = profiles.get(model) ?? familyProfile(model)
    profiles.set(model, profile)
    return profile
  }

  return {
    profileOf,
    /**
     * Called when the API has refused the thinking setting of `tried`: the next request uses `low`, the one after it no
     * setting. Returns false when no setting is left.
     */
    relax(model: string, tried: Profile): boolean {
      if (profileOf(model) !== tried) return true // another request has relaxed it meanwhile
      if (tried.thinking === null) return false
      const isLow = 'thinkingLevel' in tried.thinking && tried.thinking.thinkingLevel === 'low'
      profiles.set(model, isLow ? UNBOUNDED : LOW)
      return true
    },
  }
}
