import t from 'tap'
import { formatDate, formatTime, resolveTimeZone } from '../../src/domain/zone.ts'

const at = (iso: string) => Date.parse(iso)

t.test('a moment is told where the person lives, in both languages, with the name of the zone', (t) => {
  for (const [iso, zone, date, korean, english] of [
    [
      '2026-03-01T23:30Z',
      'Asia/Seoul',
      '2026-03-02',
      '2026년 3월 2일 08:30 (KST)',
      '2 March 2026, 08:30 (KST)',
    ],
    [
      '2026-03-01T23:30Z',
      'America/Los_Angeles',
      '2026-03-01',
      '2026년 3월 1일 15:30 (UTC-8)',
      '1 March 2026, 15:30 (UTC-8)',
    ],
    [
      '2026-07-01T23:30Z',
      'America/Los_Angeles',
      '2026-07-01',
      '2026년 7월 1일 16:30 (UTC-7)',
      '1 July 2026, 16:30 (UTC-7)',
    ],
    [
      '2026-03-01T22:30Z',
      'Europe/Berlin',
      '2026-03-01',
      '2026년 3월 1일 23:30 (UTC+1)',
      '1 March 2026, 23:30 (UTC+1)',
    ],
    [
      '2026-03-01T23:30Z',
      'Europe/Berlin',
      '2026-03-02',
      '2026년 3월 2일 00:30 (UTC+1)',
      '2 March 2026, 00:30 (UTC+1)',
    ],
    [
      '2026-12-31T20:00Z',
      'Asia/Kolkata',
      '2027-01-01',
      '2027년 1월 1일 01:30 (UTC+5:30)',
      '1 January 2027, 01:30 (UTC+5:30)',
    ],
    [
      '2026-01-01T02:00Z',
      'America/St_Johns',
      '2025-12-31',
      '2025년 12월 31일 22:30 (UTC-3:30)',
      '31 December 2025, 22:30 (UTC-3:30)',
    ],
    ['2026-03-01T00:00Z', 'UTC', '2026-03-01', '2026년 3월 1일 00:00 (UTC)', '1 March 2026, 00:00 (UTC)'],
    // The night in which clocks are set forward in New York: there is no 02:30.
    [
      '2026-03-08T06:59Z',
      'America/New_York',
      '2026-03-08',
      '2026년 3월 8일 01:59 (UTC-5)',
      '8 March 2026, 01:59 (UTC-5)',
    ],
    [
      '2026-03-08T07:00Z',
      'America/New_York',
      '2026-03-08',
      '2026년 3월 8일 03:00 (UTC-4)',
      '8 March 2026, 03:00 (UTC-4)',
    ],
  ] as const) {
    t.equal(formatDate(zone, at(iso)), date, `${iso} in ${zone}`)
    t.equal(formatTime(zone, at(iso), 'ko'), korean)
    t.equal(formatTime(zone, at(iso), 'en'), english)
  }
  t.end()
})

t.test('without a zone that is known here it is that of the service', (t) => {
  for (const stored of [undefined, null, '', 'Mars/Olympus', 7, {}])
    t.equal(resolveTimeZone(stored), 'Asia/Seoul')
  t.equal(resolveTimeZone('Europe/Berlin'), 'Europe/Berlin')
  t.end()
})
