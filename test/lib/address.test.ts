import t from 'tap'
import { isLoopback, toNetwork, toOwnForm } from '../../src/lib/address.ts'

t.test('an address is reduced to its network', async (t) => {
  t.equal(toNetwork('203.0.113.7'), '203.0.113.0/24')
  t.equal(toNetwork('::ffff:203.0.113.7'), '203.0.113.0/24')
  t.equal(toNetwork('2001:db8:7:1::9'), '2001:db8:7::/48')
  t.equal(toNetwork('fe80::1%eth0'), 'fe80:0:0::/48')
  t.equal(toNetwork('::1'), '0:0:0::/48')
  t.equal(toNetwork('nonsense'), null)
})

t.test('an IPv4-mapped address equals its IPv4 address', async (t) => {
  t.equal(toOwnForm('::ffff:203.0.113.7'), '203.0.113.7')
  t.equal(toOwnForm('::FFFF:203.0.113.7'), '203.0.113.7')
  for (const other of ['203.0.113.7', '2001:db8::7', '::ffff:cb00:7107', ''])
    t.equal(toOwnForm(other), other, 'and every other text as it was')
})

t.test('loopback addresses are recognised', async (t) => {
  for (const address of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])
    t.ok(isLoopback(address), address)
  for (const address of ['10.0.0.1', '::2', '::ffff:10.0.0.1', '']) t.notOk(isLoopback(address), address)
})
