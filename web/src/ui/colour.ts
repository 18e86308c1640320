/** A colour of the style sheet as a canvas understands it: resolved for the theme that holds now. */
export function colourOf(inside: HTMLElement, name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  inside.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
