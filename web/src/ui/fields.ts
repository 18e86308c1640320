import { type Attributes, h } from './dom.ts'

let fields = 0

/** A labelled input; the hint is its accessible description. */
export function field(label: string, attributes: Attributes, hint?: string) {
  const id = `field-${++fields}`
  const hintId = hint === undefined ? null : `${id}-hint`
  const input = h('input', { id, 'aria-describedby': hintId, ...attributes })
  const element = h(
    'div',
    { class: 'field' },
    h('label', { for: id }, label),
    input,
    hint !== undefined && h('p', { id: hintId, class: 'hint' }, hint),
  )
  return { element, input }
}

/** A labelled checkbox with a hint. */
export function toggle(label: string, isOn: boolean, hint: string, onChange: (isOn: boolean) => void) {
  const id = `field-${++fields}`
  const input = h('input', { id, type: 'checkbox', checked: isOn, 'aria-describedby': `${id}-hint` })
  input.addEventListener('change', () => onChange(input.checked))
  const labelElement = h('label', { for: id }, label)
  const element = h(
    'div',
    { class: 'toggle' },
    input,
    labelElement,
    h('p', { id: `${id}-hint`, class: 'hint' }, hint),
  )
  return { element, input }
}

/** A labelled select. */
export function choice<Value extends string>(
  label: string,
  options: readonly (readonly [value: Value, text: string])[],
  selected: Value,
  onChange: (value: Value) => void,
) {
  const id = `field-${++fields}`
  const select = h(
    'select',
    { id },
    ...options.map(([value, text]) => h('option', { value, selected: value === selected }, text)),
  )
  select.addEventListener('change', () => {
    const found = options.find(([value]) => value === select.value)
    if (found !== undefined) onChange(found[0])
  })
  return { element: h('div', { class: 'field' }, h('label', { for: id }, label), select), select }
}
