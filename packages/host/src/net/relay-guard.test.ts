import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { guardTable, renderGuard, renderGuardRemoval, setElements } from './relay-guard.ts';

const pair = { localPort: 20000, peerPort: 20001 };

test('the guard is one transaction in a table of our own', () => {
  assert.equal(
    renderGuard('test0001', pair),
    `add table inet nakhoda_test0001
add set inet nakhoda_test0001 pairs { type inet_service . inet_service; }
add set inet nakhoda_test0001 ports { type inet_service; }
add chain inet nakhoda_test0001 input { type filter hook input priority filter; policy accept; }
add element inet nakhoda_test0001 pairs { 20001 . 20000, 20000 . 20001 }
add element inet nakhoda_test0001 ports { 20000, 20001 }
flush chain inet nakhoda_test0001 input
add rule inet nakhoda_test0001 input iif "lo" ip saddr 127.0.0.1 ip daddr 127.0.0.1 udp sport . udp dport @pairs accept
add rule inet nakhoda_test0001 input udp dport @ports drop
`,
  );
  for (const line of `${renderGuard('test0001', pair)}${renderGuardRemoval('test0001', pair)}`.trim().split('\n')) {
    assert.match(line, /^(add|delete|flush) (table|set|chain|rule|element) inet nakhoda_test0001\b/);
  }
});

test('an owner that could carry nftables syntax is refused', () => {
  for (const owner of ['a; flush ruleset', 'x\ny12', '']) assert.throws(() => guardTable(owner), RangeError);
});

test('reads the elements of a set as nft prints it', async () => {
  const json = await readFile(new URL('./fixtures/nft-1.0.6-set.json', import.meta.url), 'utf8');
  assert.deepEqual(setElements(json), [20000, 20001]);
  assert.deepEqual(setElements('{"nftables":[{"metainfo":{}},{"set":{"name":"ports"}}]}'), []);
});
