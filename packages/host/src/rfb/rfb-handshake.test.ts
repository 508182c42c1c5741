import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';

import { readExactly } from './read-exactly.ts';
import { logInToRfb, welcomeRfbViewer } from './rfb-handshake.ts';
import { answerChallenge } from './vnc-challenge.ts';

const never = new AbortController().signal;
const options = { timeoutMs: 5000, signal: never };
const server = 'the test';
const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))));

test('the answer to a challenge is DES with mirrored key bytes', () => {
  const challenge = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
  const answer = answerChallenge(challenge, 'password');
  assert.equal(answer.length, 16);
  // Worked out by another implementation: openssl 3.0.19 enc -des-ecb -provider legacy -nopad -K 0e86ceceeef64e26.
  assert.equal(answer.toString('hex'), 'b866924125c8eebb9debc1db61c538e2');
  assert.deepEqual(answerChallenge(challenge, 'password-and-more'), answer, 'eight characters count');
  assert.notDeepEqual(answerChallenge(challenge, 'passwore'), answer);
});

test('one who is let in without a password stands before ClientInit, and nothing more was read', async () => {
  const [client, other] = duplexPair();
  other.write(bytes('RFB 003.008\n', [2, 5, 1], [0, 0, 0, 0], 'rest'));
  await logInToRfb(client, { ...options, server, password: null });
  assert.equal((await readExactly(client, 4, never)).toString(), 'rest');
  assert.deepEqual(await readExactly(other, 13, never), bytes('RFB 003.008\n', [1]));
});

test('a password is answered with', async () => {
  const [client, other] = duplexPair();
  const challenge = Buffer.alloc(16, 7);
  other.write(bytes('RFB 003.008\n', [2, 1, 2], [...challenge], [0, 0, 0, 0]));
  await logInToRfb(client, { ...options, server, password: 'abcdefgh' });
  assert.deepEqual(await readExactly(other, 29, never), bytes('RFB 003.008\n', [2], [...answerChallenge(challenge, 'abcdefgh')]));
});

const refusals: [string, Buffer, string | null, RegExp][] = [
  ['another protocol', bytes('SSH-2.0-abcd'), null, /it speaks "SSH-2.0-abcd"/u],
  ['a reason instead of types', bytes('RFB 003.008\n', [0, 0, 0, 0, 4], 'full'), null, /the test .*: full\./u],
  ['no password asked for where there should be one', bytes('RFB 003.008\n', [1, 1]), 'x', /security types 1, and 2 is needed/u],
  ['a password asked for where there is none', bytes('RFB 003.008\n', [1, 2]), null, /security types 2, and 1 is needed/u],
  ['the wrong password', bytes('RFB 003.008\n', [1, 2], Array(16).fill(0), [0, 0, 0, 1, 0, 0, 0, 2], 'no'), 'x', /: no\./u],
  ['the end in the middle', bytes('RFB 003.0'), null, /the connection was closed/u],
];
for (const [title, answer, password, expected] of refusals) {
  test(`refused: ${title}`, async () => {
    const [client, other] = duplexPair();
    other.end(answer);
    await assert.rejects(logInToRfb(client, { ...options, server, password }), { code: 'console.failed', message: expected });
    assert.ok(client.destroyed);
  });
}

test('a server that says nothing is given up, and so is one whose caller leaves', async () => {
  const [client] = duplexPair();
  await assert.rejects(logInToRfb(client, { ...options, timeoutMs: 20, server, password: null }), {
    code: 'hypervisor.timeout',
    message: /the test did not answer/u,
  });
  const leaving = new AbortController();
  const [second] = duplexPair();
  const waiting = logInToRfb(second, { ...options, signal: leaving.signal, server, password: null });
  leaving.abort(new Error('gone'));
  await assert.rejects(waiting, /gone/u);
  assert.ok(client.destroyed && second.destroyed);
});

const viewers: [string, Buffer, Buffer][] = [
  ['003.003', bytes('RFB 003.003\n'), bytes([0, 0, 0, 1])],
  ['003.005, which counts as 3.3', bytes('RFB 003.005\n'), bytes([0, 0, 0, 1])],
  ['003.007', bytes('RFB 003.007\n', [1]), bytes([1, 1])],
  ['003.008', bytes('RFB 003.008\n', [1]), bytes([1, 1, 0, 0, 0, 0])],
  ["003.889, Apple's", bytes('RFB 003.889\n', [1]), bytes([1, 1, 0, 0, 0, 0])],
];
for (const [title, sent, expected] of viewers) {
  test(`a viewer of ${title} is let in without a password`, async () => {
    const [ours, viewer] = duplexPair();
    viewer.write(Buffer.concat([sent, Buffer.from('I')]));
    await welcomeRfbViewer(ours, options);
    assert.deepEqual(await readExactly(viewer, 12 + expected.length, never), Buffer.concat([Buffer.from('RFB 003.008\n'), expected]));
    assert.equal((await readExactly(ours, 1, never)).toString(), 'I', 'ClientInit is left for the server');
  });
}

test('a viewer that chooses what was not offered, or speaks no RFB, is turned away', async () => {
  for (const sent of [bytes('RFB 003.008\n', [2]), bytes('GET / HTTP/1'), bytes('RFB 004.001\n')]) {
    const [ours, viewer] = duplexPair();
    viewer.write(sent);
    await assert.rejects(welcomeRfbViewer(ours, options), { code: 'console.failed', message: /the viewer/u });
  }
});
