import assert from 'node:assert/strict';
import { test } from 'node:test';

import { chordAtRest, followChord } from './release-chord.ts';

/** `+Code` presses, `-Code` lets go; gives the index of the event that completed the chord, or -1. */
function completedAt(...events: string[]): number {
  let state = chordAtRest;
  let at = -1;
  for (const [index, event] of events.entries()) {
    const next = followChord(state, { type: event.startsWith('+') ? 'keydown' : 'keyup', code: event.slice(1) });
    state = next.state;
    if (next.released) at = index;
  }
  return at;
}

test('Ctrl and Alt together are the chord, when both have been let go', () => {
  assert.equal(completedAt('+ControlLeft', '+AltLeft', '-AltLeft', '-ControlLeft'), 3);
  assert.equal(completedAt('+AltLeft', '+ControlRight', '+ControlRight', '-AltLeft', '-ControlRight'), 4);
});

test('one of them alone, one after the other, or with another key, is none', () => {
  assert.equal(completedAt('+ControlLeft', '-ControlLeft'), -1);
  assert.equal(completedAt('+ControlLeft', '-ControlLeft', '+AltLeft', '-AltLeft'), -1);
  assert.equal(completedAt('+ControlLeft', '+AltLeft', '+Delete', '-Delete', '-AltLeft', '-ControlLeft'), -1);
  assert.equal(completedAt('+KeyA', '+ControlLeft', '+AltLeft', '-KeyA', '-AltLeft', '-ControlLeft'), -1);
});

test('AltGr, which some systems tell as Ctrl and right Alt, is none', () => {
  assert.equal(completedAt('+ControlLeft', '+AltRight', '-AltRight', '-ControlLeft'), -1);
});

test('after a spoiled chord the next one counts', () => {
  assert.equal(completedAt('+ControlLeft', '+KeyC', '-KeyC', '-ControlLeft', '+ControlLeft', '+AltLeft', '-ControlLeft', '-AltLeft'), 7);
});
