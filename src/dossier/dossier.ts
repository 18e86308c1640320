import type { Language } from '../domain/language.ts'
import { dataProtectionAssessment } from './documents/data-protection.ts'
import { fundamentalRightsAssessment } from './documents/fundamental-rights.ts'
import { instructionsForUse } from './documents/instructions.ts'
import { koreanNotice } from './documents/korea.ts'
import { modelCard } from './documents/model-card.ts'
import { recordOfProcessing } from './documents/processing.ts'
import { technicalDocumentation } from './documents/technical.ts'
import type { Dossier } from './document.ts'
import type { Facts } from './facts.ts'
import { renderIndex } from './index-page.ts'
import { countItems, renderDossier } from './render.ts'

const DOCUMENTS = [
  instructionsForUse,
  modelCard,
  recordOfProcessing,
  dataProtectionAssessment,
  fundamentalRightsAssessment,
  technicalDocumentation,
  koreanNotice,
]

export const buildDossier = (facts: Facts): Dossier[] => DOCUMENTS.map((build) => build(facts))

export type DossierFile = {
  readonly name: string
  readonly text: string
  /** Statements with a source. */
  readonly statements: number
  /** What the operator has to fill in. */
  readonly open: number
}

/** The files of the folder: an index, and one for each document. */
export function renderFiles(facts: Facts, language: Language): DossierFile[] {
  const documents = buildDossier(facts)
  return [
    { name: 'README.md', text: renderIndex(documents, facts, language), statements: 0, open: 0 },
    ...documents.map((document) => ({
      name: `${document.name}.md`,
      text: renderDossier(document, language),
      ...countItems(document),
    })),
  ]
}
