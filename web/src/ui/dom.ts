type Listener = (event: Event) => void
type Value = string | number | boolean | null | undefined | Listener
export type Attributes = Readonly<Record<string, Value>>
export type Child = Node | string | null | undefined | false

/** An element: `on…` attributes are listeners, `true` is an attribute without a value, `false` and null none at all. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  return furnish(document.createElement(tag), attributes, children)
}

/** The same for pictures. */
export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Tag] {
  return furnish(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children)
}

function furnish<Kind extends Element>(
  element: Kind,
  attributes: Attributes,
  children: readonly Child[],
): Kind {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, String(value))
  }
  element.append(...children.filter((child) => child instanceof Node || typeof child === 'string'))
  return element
}

/** A length or number for the style sheet; set by script, since the policy allows no style attributes. */
export function vary<Kind extends HTMLElement | SVGElement>(
  element: Kind,
  values: Readonly<Record<`--${string}`, string | number>>,
): Kind {
  for (const [name, value] of Object.entries(values)) element.style.setProperty(name, String(value))
  return element
}
