/** Resolves a colour variable of the style sheet for use in a canvas, in the current theme. */
export function resolveColour(inside: HTMLElement, name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  inside.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
