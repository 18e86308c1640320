import { giveConsent } from '../consent.ts'
import { h } from '../ui/dom.ts'
import { runAction, createNotice } from '../ui/notice.ts'
import type { OpenPage } from '../ui/page.ts'
import { t, type TextKey } from '../words/language.ts'

export const openConsent: OpenPage = ({ client, about, go }) => {
  const notice = createNotice('alert')
  const agree = h('button', { type: 'button', class: 'main' }, t('consentAgree'))
  agree.addEventListener('click', () => {
    void runAction(agree, notice, async () => {
      await giveConsent(client)
      go('/')
    })
  })
  const section = (title: TextKey, ...texts: readonly TextKey[]) =>
    h('div', {}, h('h2', {}, t(title)), ...texts.map((text) => h('p', {}, t(text))))
  const analysers: readonly TextKey[] =
    about.model === null ? ['consentModelLocal'] : ['consentModelRemote', 'consentModelTalk']
  const element = h(
    'article',
    { class: 'narrow prose' },
    h('h1', {}, t('consentTitle')),
    section('consentWhat', 'consentWhatText'),
    section('consentKept', 'consentKeptText', 'consentTalk'),
    section('consentModel', ...analysers),
    section('consentRight', 'consentRightText'),
    h('p', { class: 'lead' }, t('disclaimer')),
    notice.element,
    h(
      'div',
      { class: 'row' },
      agree,
      h('button', { type: 'button', class: 'quiet', onclick: () => go('/') }, t('consentLater')),
    ),
  )
  return { title: t('consentTitle'), element }
}
