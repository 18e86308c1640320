import type { Language } from '../../../domain/language.ts'

/** All texts of the printed report that are not part of the report itself. */
export type Labels = {
  readonly title: string
  readonly subtitle: string
  readonly footer: string
  readonly page: (number: number, of: number) => string
  readonly unfinished: string
  readonly facts: Readonly<
    Record<'started' | 'ended' | 'duration' | 'windows' | 'reportId' | 'generated', string>
  >
  readonly ongoing: string
  readonly windowsFact: (total: number, gemini: number, local: number) => string
  readonly tiles: Readonly<Record<'primary' | 'positive' | 'negative' | 'course', string>>
  readonly courses: Readonly<Record<'improving' | 'declining' | 'stable', string>>
  readonly none: string
  readonly headings: Readonly<
    Record<
      'observations' | 'timeline' | 'vad' | 'distribution' | 'recommendations' | 'cbt' | 'limits' | 'safety',
      string
    >
  >
  readonly timelineNote: string
  readonly vadNote: string
  readonly axes: Readonly<
    Record<'valence' | 'arousal' | 'dominance', { name: string; high: string; low: string }>
  >
  readonly table: Readonly<Record<'average' | 'minimum' | 'maximum', string>>
  readonly windowCount: (count: number) => string
  readonly elapsed: string
  readonly minutes: (count: number) => string
  readonly seconds: (count: number) => string
  readonly cbtNote: string
  readonly cbtColumns: Readonly<Record<'time' | 'pattern' | 'severity' | 'confidence', string>>
  readonly severities: Readonly<Record<'low' | 'medium' | 'high', string>>
  readonly more: (count: number) => string
  readonly questions: string
  readonly tasks: string
  readonly limits: readonly string[]
  readonly provenance: (analyser: string, models: string) => string
}

export const LABELS: Readonly<Record<Language, Labels>> = {
  ko: {
    title: '감정 세션 보고서',
    subtitle: '얼굴에 드러난 표정의 기록',
    footer: '인공지능이 겉으로 드러난 표정을 추정한 기록이며 진단이 아닙니다.',
    page: (number, of) => `${number} / ${of}쪽`,
    unfinished: '아직 확정되지 않은 보고서입니다. 지금까지의 기록만 담겨 있습니다.',
    facts: {
      started: '시작',
      ended: '종료',
      duration: '길이',
      windows: '분석 구간',
      reportId: '보고서 번호',
      generated: '작성',
    },
    ongoing: '진행 중',
    windowsFact: (total, gemini, local) => `${total}개 (Gemini ${gemini}, 자체 분석 ${local})`,
    tiles: {
      primary: '가장 자주 보인 표정',
      positive: '밝은 표정의 비율',
      negative: '무거운 표정의 비율',
      course: '전체 흐름',
    },
    courses: { improving: '밝아짐', declining: '어두워짐', stable: '일정함' },
    none: '없음',
    headings: {
      observations: '주요 관찰',
      timeline: '표정의 흐름',
      vad: '정서가 · 각성도 · 지배감',
      distribution: '표정의 분포',
      recommendations: '함께 해 볼 일',
      cbt: '생각의 흐름',
      limits: '한계와 알림',
      safety: '상담자 확인 필요',
    },
    timelineNote:
      '한 칸은 한 분석 구간입니다. 옅은 칸은 판단이 불확실한 구간이고, 빈 곳은 분석된 얼굴이 없던 때입니다.',
    vadNote: '가는 선은 구간별 값, 굵은 선은 이동 평균입니다.',
    axes: {
      valence: { name: '정서가', high: '유쾌', low: '불쾌' },
      arousal: { name: '각성도', high: '활발', low: '차분' },
      dominance: { name: '지배감', high: '주도', low: '위축' },
    },
    table: { average: '평균', minimum: '최소', maximum: '최대' },
    windowCount: (count) => `${count}구간`,
    elapsed: '경과 시간',
    minutes: (count) => `${count}분`,
    seconds: (count) => `${count}초`,
    cbtNote: '말이나 글의 표현에서 찾은 것으로, 사람에 대한 판단이 아닙니다.',
    cbtColumns: { time: '시각', pattern: '표현의 유형', severity: '정도', confidence: '확신도' },
    severities: { low: '낮음', medium: '보통', high: '높음' },
    more: (count) => `그 밖에 ${count}건이 더 있습니다.`,
    questions: '생각해 볼 질문',
    tasks: '해 볼 만한 과제',
    limits: [
      '얼굴에 드러난 표정과 실제로 느낀 감정은 다를 수 있습니다. 문화, 습관, 조명, 카메라 위치, 안경이나 마스크도 결과에 영향을 줍니다.',
      '이 기록만으로 건강 상태를 판단하거나 치료를 결정하지 마세요. 힘든 점이 있으면 전문가와 상의하세요.',
      '영상과 음성은 저장되지 않았으며, 구간별 측정값에서 계산한 결과만 담겨 있습니다.',
    ],
    provenance: (analyser, models) => `분석기 ${analyser} · 모델 ${models}`,
  },
  en: {
    title: 'Emotion session report',
    subtitle: 'A record of apparent facial expression',
    footer: 'Apparent expression, estimated by an artificial intelligence. No diagnosis.',
    page: (number, of) => `Page ${number} of ${of}`,
    unfinished: 'This report is not final yet. It holds what has been recorded so far.',
    facts: {
      started: 'Started',
      ended: 'Ended',
      duration: 'Duration',
      windows: 'Windows analysed',
      reportId: 'Report number',
      generated: 'Made',
    },
    ongoing: 'still going on',
    windowsFact: (total, gemini, local) => `${total} (Gemini ${gemini}, local ${local})`,
    tiles: {
      primary: 'Seen most often',
      positive: 'Bright expressions',
      negative: 'Heavy expressions',
      course: 'Course',
    },
    courses: { improving: 'brighter', declining: 'darker', stable: 'steady' },
    none: 'none',
    headings: {
      observations: 'Key observations',
      timeline: 'Expressions over time',
      vad: 'Valence, arousal, dominance',
      distribution: 'How often each was seen',
      recommendations: 'Worth trying together',
      cbt: 'Turns of thought',
      limits: 'Limits and notices',
      safety: 'For the counsellor',
    },
    timelineNote:
      'One cell is one window. Pale cells were read with uncertainty; where there is none, no face was analysed.',
    vadNote: 'Thin lines are single windows, bold lines their moving average.',
    axes: {
      valence: { name: 'Valence', high: 'pleasant', low: 'unpleasant' },
      arousal: { name: 'Arousal', high: 'lively', low: 'calm' },
      dominance: { name: 'Dominance', high: 'leading', low: 'holding back' },
    },
    table: { average: 'Average', minimum: 'Minimum', maximum: 'Maximum' },
    windowCount: (count) => (count === 1 ? '1 window' : `${count} windows`),
    elapsed: 'Time since the start',
    minutes: (count) => `${count} min`,
    seconds: (count) => `${count} s`,
    cbtNote: 'Found in wording that was said or written; it says nothing about the person.',
    cbtColumns: { time: 'Time', pattern: 'Kind of wording', severity: 'Degree', confidence: 'Confidence' },
    severities: { low: 'low', medium: 'medium', high: 'high' },
    more: (count) => `There ${count === 1 ? 'is 1 more' : `are ${count} more`}.`,
    questions: 'Questions to think about',
    tasks: 'Small tasks',
    limits: [
      'What a face shows and what a person feels can differ. Culture, habit, light, the place of the camera, glasses or a mask all change the result.',
      'Do not judge anybody’s health or decide on a treatment from this record. If something is hard to bear, please talk to a professional.',
      'No pictures and no sound were kept. This report was computed from the measures of each window.',
    ],
    provenance: (analyser, models) => `Analyser ${analyser} · models ${models}`,
  },
}
