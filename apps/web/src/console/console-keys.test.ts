import assert from 'node:assert/strict';
import { test } from 'node:test';

import { combinationLabel, combinationOf, consoleKeys, keysOf, offeredCombinations, stickyKeys } from './console-keys.ts';

const plain = { ctrlKey: false, altKey: false, shiftKey: false, metaKey: false };

test('every key has one name, one place and one meaning', () => {
  for (const part of ['name', 'code'] as const) {
    assert.equal(new Set(consoleKeys.map((key) => key[part])).size, consoleKeys.length, part);
  }
  assert.ok(consoleKeys.every(({ keysym }) => keysym > 0 && keysym <= 0xffff));
});

test('what is offered can be pressed, and reads as on the keys', () => {
  for (const combination of [...offeredCombinations, ...stickyKeys]) assert.ok(keysOf(combination).length > 0);
  assert.deepEqual(
    keysOf('ctrl-alt-delete').map(({ code, keysym }) => [code, keysym]),
    [
      ['ControlLeft', 0xffe3],
      ['AltLeft', 0xffe9],
      ['Delete', 0xffff],
    ],
  );
  assert.deepEqual(['ctrl-alt-delete', 'meta_l', 'ctrl-alt-f2'].map(combinationLabel), ['Ctrl+Alt+Del', 'Super', 'Ctrl+Alt+F2']);
  assert.throws(() => keysOf('ctrl-nonsense'), RangeError);
});

test('a key press is a combination, with the modifiers that are down or held', () => {
  assert.equal(combinationOf({ ...plain, code: 'KeyA' }), 'a');
  assert.equal(combinationOf({ ...plain, code: 'KeyA', shiftKey: true }), 'shift-a');
  assert.equal(combinationOf({ ...plain, code: 'KeyC', ctrlKey: true }), 'ctrl-c');
  assert.equal(combinationOf({ ...plain, code: 'F2', altKey: true }, new Set(['ctrl'])), 'ctrl-alt-f2');
  assert.equal(combinationOf({ ...plain, code: 'KeyL', ctrlKey: true }, new Set(['ctrl', 'meta_l'])), 'ctrl-meta_l-l');
  assert.equal(combinationOf({ ...plain, code: 'ControlLeft', ctrlKey: true }), null, 'a modifier alone waits for its key');
  assert.equal(combinationOf({ ...plain, code: 'BrowserBack' }), null);
});
