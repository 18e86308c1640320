import { BASE } from '../base.ts'
import { h } from '../ui/dom.ts'
import type { OpenPage } from '../ui/page.ts'
import { t } from '../words/language.ts'

export const openNotFound: OpenPage = () => ({
  title: t('notFound'),
  element: h(
    'section',
    { class: 'narrow' },
    h('h1', {}, t('notFound')),
    h('p', {}, t('notFoundText')),
    h('p', {}, h('a', { class: 'main', href: `${BASE}/` }, t('goHome'))),
  ),
})
