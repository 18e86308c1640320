/** How a request bounds the thinking of a model: by tokens, by level, or not at all. */
export type Thinking =
  | { readonly thinkingBudget: number }
  | { readonly thinkingLevel: 'minimal' | 'low' | 'medium' | 'high' }
  | null

/** What a request to one model is made with. */
export type Profile = {
  readonly thinking: Thinking
  /** Least output tokens: thinking counts as output and must leave room for the answer. */
  readonly minOutputTokens: number
}

const BOUNDED_THINKING_TOKENS = 2048
const UNBOUNDED_THINKING_TOKENS = 8192

const OFF: Profile = { thinking: { thinkingBudget: 0 }, minOutputTokens: 0 }
const LEAST_BUDGET: Profile = { thinking: { thinkingBudget: 128 }, minOutputTokens: BOUNDED_THINKING_TOKENS }
const MINIMAL: Profile = { thinking: { thinkingLevel: 'minimal' }, minOutputTokens: 0 }
const LOW: Profile = { thinking: { thinkingLevel: 'low' }, minOutputTokens: BOUNDED_THINKING_TOKENS }
const NOT_A_THINKER: Profile = { thinking: null, minOutputTokens: 0 }
/** No setting is understood, and it may think all the same. */
const UNBOUNDED: Profile = { thinking: null, minOutputTokens: UNBOUNDED_THINKING_TOKENS }

/** The last generation of flash that takes the level `minimal`; of flash-lite all do. */
const LAST_MINIMAL_FLASH = 3.6

/**
 * The least thinking that each family accepts, as observed in November 2026: 2.5 takes a budget, 0 but for pro; from 3 on
 * a level, and neither pro nor flash after 3.6 takes `minimal`. An alias such as `gemini-flash-latest` names no
 * generation. Source: https://ai.google.dev/gemini-api/docs/thinking
 */
function familyProfile(model: string): Profile {
  const isPro = model.includes('pro')
  const generation = Number(/gemini-(\d+(?:\.\d+)?)/.exec(model)?.[1])
  if (generation >= 3) {
    const takesMinimal = !isPro && (model.includes('lite') || generation <= LAST_MINIMAL_FLASH)
    return takesMinimal ? MINIMAL : LOW
  }
  if (generation === 2.5) return isPro ? LEAST_BUDGET : OFF
  return /gemini-.*latest/.test(model) ? LOW : NOT_A_THINKER
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

/** The profiles of the models that are asked, corrected by what the API answers. */
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
     * The API has refused the thinking of `tried`: the next request asks for `low`, the one after it for nothing.
     * Returns false when there was nothing left to refuse.
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
