import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exec } from '../exec.ts';
import { FrameReader } from './frame-reader.ts';
import { parseIpAddresses } from './ip-addresses.ts';
import { base64Lines, execScript, shellQuote, uploadCommand } from './serial-script.ts';
import { endsWithPrompt } from './serial-shell.ts';

test('a quoted word comes out of a shell as it went in', async () => {
  for (const word of ['', 'a b', `it's`, '"$HOME" `id` \\ \n;&|<>*?~#!', '-n', 'ü\u0001']) {
    const { stdout } = await exec(['sh', '-c', `printf %s ${shellQuote(word)}`]);
    assert.equal(stdout, word);
  }
});

test('no typed line is longer than a line editor or a terminal takes', () => {
  const data = Buffer.alloc(24 * 1024, 7);
  const id = 'a'.repeat(12);
  assert.ok(uploadCommand(id, data, `cat /tmp/nakhoda-${id}>>/tmp/nakhoda-${id}.parts&&echo "<""${id}:ok>"`).length < 1000);
  const lines = base64Lines(data);
  assert.ok(lines.every((line) => line.length <= 1024));
  assert.equal(Buffer.compare(Buffer.from(lines.join(''), 'base64'), data), 0);
  assert.deepEqual(base64Lines(new Uint8Array()), ['']);
});

test("the guest's answer never stands in what is typed", () => {
  const id = '0123456789ab';
  assert.ok(!uploadCommand(id, Buffer.from('x'), 'true').includes(`<${id}:`));
  assert.ok(execScript(id, ['a', "b'c"]).includes(`set -- 'a' 'b'\\''c'\n`));
});

test('frames are found in pieces and among other output', () => {
  const reader = new FrameReader('id1');
  const frames = ['noise <id1:', 'go', '>\r\n<id2:x>[ 1.0] kernel <id1:o:QUJD\r\nREVG', '>', '<id1:x:1:0:6:0><id1'].flatMap((piece) =>
    reader.push(Buffer.from(piece)),
  );
  assert.deepEqual(frames, [
    { kind: 'go', body: '' },
    { kind: 'o', body: 'QUJD\r\nREVG' },
    { kind: 'x', body: '1:0:6:0' },
  ]);
});

test('a frame without an end does not hide later ones', () => {
  const reader = new FrameReader('id1');
  reader.push(Buffer.from(`<id1:o:${'A'.repeat(20_000)}`));
  assert.deepEqual(reader.push(Buffer.from('<id1:x:0:0:0:0>')), [{ kind: 'x', body: '0:0:0:0' }]);
});

test('the prompt counts only with the cursor behind it', () => {
  const cases: [string, boolean][] = [
    ['tiny# ', true],
    ['ready\r\ntiny# ', true],
    ['\r\ntiny# \u001b[6n', true],
    ['\r\ntiny# ls', false],
    ['\r\ntiny# \r\n', false],
    ['echo tiny# ', false],
    ['', false],
  ];
  for (const [output, expected] of cases) assert.equal(endsWithPrompt(Buffer.from(output), 'tiny# '), expected, JSON.stringify(output));
});

// Recorded: `ip addr` of busybox 1.35.0 in the tiny guest; loopback has no MAC and is left out.
test('addresses are read from `ip addr`', () => {
  const text = `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc pfifo_fast qlen 1000
    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff
    inet 10.77.0.10/24 brd 10.77.0.255 scope global eth0
       valid_lft forever preferred_lft forever
`;
  assert.deepEqual(parseIpAddresses(text.replaceAll('\n', '\r\n')), [{ mac: '52:54:00:12:34:56', address: '10.77.0.10' }]);
});
