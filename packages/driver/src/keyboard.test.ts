import assert from 'node:assert/strict';
import { test } from 'node:test';

import { longestText, NakhodaError } from '@nakhoda/schema';
import fc from 'fast-check';

import { parseCombination, planText, scanCodes } from './keyboard.ts';

const bytes = (text: string): string =>
  scanCodes(parseCombination(text))
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join(' ');

// Set 1 as in IBM's PS/2 technical reference and QEMU's own table.
const combinations: [string, string][] = [
  ['a', '1e 9e'],
  ['shift-a', '2a 1e 9e aa'],
  ['ctrl-alt-delete', '1d 38 e0 53 e0 d3 b8 9d'],
  ['ctrl-alt-del', '1d 38 e0 53 e0 d3 b8 9d'],
  ['alt-f2', '38 3c bc b8'],
  ['f12', '58 d8'],
  ['enter', '1c 9c'],
  ['meta_l-r', 'e0 5b 13 93 e0 db'],
  ['alt-sysrq-b', '38 54 30 b0 d4 b8'],
  ['kp_enter', 'e0 1c e0 9c'],
  ['pgdn', 'e0 51 e0 d1'],
  ['less', '56 d6'],
  ['kp_decimal', '53 d3'],
  ['caps_lock', '3a ba'],
  ['compose', 'e0 5d e0 dd'],
];
for (const [text, expected] of combinations) test(`${text} is ${expected}`, () => assert.equal(bytes(text), expected));

test('what is no key is named, and a key is not pressed twice', () => {
  for (const text of ['', 'ctrl-', '-', 'ctrl-alt-foo', 'a-a', 'toString', 'CTRL-A', 'ctrl alt'])
    assert.throws(() => parseCombination(text), { code: 'keyboard.unknown-key' }, text);
  assert.throws(() => parseCombination('ctrl-foo-bar'), /"foo", "bar"/u);
});

test('a text is typed on the US layout', () => {
  assert.deepEqual(planText('Ab-_\n'), [['shift', 'a'], ['b'], ['minus'], ['shift', 'minus'], ['ret']]);
  assert.deepEqual(planText(''), []);
  const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('');
  assert.equal(new Set(planText(printable).map((keys) => keys.join('-'))).size, 95, 'each character has keys of its own');
});

test('characters that the layout lacks are refused beforehand, by name; the rest of the text is told to nobody', () => {
  const thrown = (text: string): NakhodaError => {
    try {
      planText(text);
    } catch (error) {
      if (error instanceof NakhodaError) return error;
    }
    return assert.fail('it was typed');
  };
  const error = thrown('geheimübungü€\u0007');
  assert.equal(error.code, 'keyboard.untypable');
  assert.match(error.message, /: "ü" \(U\+00FC\), "€" \(U\+20AC\), U\+0007\.$/u);
  assert.doesNotMatch(error.message, /geheim/u);
  assert.doesNotMatch(thrown('s3cret'.repeat(200)).message, /s3cret/u);
  assert.equal(planText('x'.repeat(longestText)).length, longestText);
});

test('every plan of a typable text can be sent, and every key that is pressed is let go', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 50 }), (text) => {
      for (const combination of planText(text)) {
        const codes = scanCodes(combination).filter((byte) => byte !== 0xe0);
        assert.equal(codes.length, combination.length * 2);
        const pressed = codes.filter((byte) => byte < 0x80);
        assert.deepEqual(
          codes.filter((byte) => byte >= 0x80).map((byte) => byte & 0x7f),
          pressed.toReversed(),
        );
      }
    }),
  );
});
