type Listener = (event: Event) => void
type Value = string | number | boolean | null | undefined | Listener
export type Attributes = Readonly<Record<string, Value>>
export type Child = Node | string | null | undefined | false

/** Creates an element: `on…` attributes are listeners, `true` sets an empty attribute, `false` and null set none. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  return fill(document.createElement(tag), attributes, children)
}

/** Creates an SVG element. */
export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Tag] {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children)
}

function fill<Kind extends Element>(element: Kind, attributes: Attributes, children: readonly Child[]): Kind {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, String(value))
  }
  element.append(...children.filter((child) => child instanceof Node || typeof child === 'string'))
  return element
}

/** Sets CSS variables; by script, since the content security policy forbids style attributes. */
export function setVariables<Kind extends HTMLElement | SVGElement>(
  element: Kind,
  values: Readonly<Record<`--${string}`, string | number>>,
): Kind {
  for (const [name, value] of Object.entries(values)) element.style.setProperty(name, String(value))
  return element
}
