import { describeCharacter, longestText, NakhodaError, untypableCharacters, usLayout } from '@nakhoda/schema';

/** Keys that are pressed together, in this order, by QEMU's names for them (QKeyCode in qapi/ui.json). */
export type KeyCombination = readonly string[];

/**
 * The make code of every key in set 1 of the PC's scan codes, by QEMU's name for it. A code of 0xe0.. is sent as two
 * bytes. The numbers are those of QEMU's ui/keycodemapdb (atset1); VirtualBox's keyboard takes the same set.
 */
const makeCodes: Readonly<Record<string, number>> = {
  ...row(0x01, 'esc 1 2 3 4 5 6 7 8 9 0 minus equal backspace tab'),
  ...row(0x10, 'q w e r t y u i o p bracket_left bracket_right ret ctrl a s d f g h j k l'),
  ...row(0x27, 'semicolon apostrophe grave_accent shift backslash z x c v b n m comma dot slash shift_r kp_multiply alt spc caps_lock'),
  ...row(0x3b, 'f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 num_lock scroll_lock'),
  ...row(0x47, 'kp_7 kp_8 kp_9 kp_subtract kp_4 kp_5 kp_6 kp_add kp_1 kp_2 kp_3 kp_0 kp_decimal sysrq'),
  ...row(0x56, 'less f11 f12'),
  ...row(0xe047, 'home up pgup'),
  ...row(0xe04f, 'end down pgdn insert delete'),
  ...row(0xe05b, 'meta_l meta_r compose'),
  kp_enter: 0xe01c,
  ctrl_r: 0xe01d,
  kp_divide: 0xe035,
  print: 0xe037,
  alt_r: 0xe038,
  left: 0xe04b,
  right: 0xe04d,
};

/** Keys whose codes follow one another. */
function row(first: number, names: string): Record<string, number> {
  return Object.fromEntries(names.split(' ').map((name, index) => [name, first + index]));
}

/** What people call some of the keys. */
const aliases: Readonly<Record<string, string>> = {
  enter: 'ret',
  return: 'ret',
  escape: 'esc',
  space: 'spc',
  del: 'delete',
  ins: 'insert',
  pageup: 'pgup',
  pagedown: 'pgdn',
  win: 'meta_l',
  menu: 'compose',
  period: 'dot',
};

const characters = new Map<string, KeyCombination>([
  ...usLayout.flatMap(([key, alone, shifted]): [string, KeyCombination][] => [
    [alone, [key]],
    [shifted, ['shift', key]],
  ]),
  [' ', ['spc']],
  ['\t', ['tab']],
  ['\n', ['ret']],
]);

/**
 * Reads a combination such as `ctrl-alt-delete`.
 * @throws NakhodaError `keyboard.unknown-key` naming what is no key
 */
export function parseCombination(text: string): KeyCombination {
  const names = text.split('-').map((name) => aliases[name] ?? name);
  const unknown = names.filter((name) => !Object.hasOwn(makeCodes, name));
  if (unknown.length === 0 && new Set(names).size === names.length) return names;
  const what = unknown.length > 0 ? `no key is called ${unknown.map((name) => JSON.stringify(name)).join(', ')}` : 'it names a key twice';
  throw new NakhodaError('keyboard.unknown-key', {
    message: `The combination ${JSON.stringify(text)} cannot be pressed: ${what}.`,
    hint: 'Join names of keys with hyphens, for example ctrl-alt-delete, alt-f2, shift-a or ret; the guide lists them.',
    details: { unknown },
  });
}

/**
 * The combinations that type a text on the US layout, which a guest must use too.
 * @throws NakhodaError `keyboard.untypable` naming the characters that the layout lacks, or when the text is too long
 */
export function planText(text: string): KeyCombination[] {
  // Not quoted anywhere: what is typed is often a password.
  if (text.length > longestText) {
    throw new NakhodaError('keyboard.untypable', {
      message: `The text has ${text.length} characters, and at most ${longestText} are typed at once.`,
      hint: 'Type it in pieces, or put it into the guest as a file.',
    });
  }
  const missing = untypableCharacters(text);
  if (missing.length > 0) {
    throw new NakhodaError('keyboard.untypable', {
      message: `These characters are not on the US keyboard that the VM has: ${missing.map(describeCharacter).join(', ')}.`,
      hint: 'Leave them out, or put the text into the guest as a file. Nothing was typed.',
      details: { characters: missing },
    });
  }
  return Array.from(text).flatMap((character) => {
    const combination = characters.get(character);
    return combination === undefined ? [] : [combination];
  });
}

/** The bytes of set 1 that press a combination's keys in order and let go of them in reverse. */
export function scanCodes(combination: KeyCombination): number[] {
  const codes = combination.map((name) => makeCodes[name] ?? 0);
  return [...codes.flatMap((code) => bytesOf(code)), ...codes.toReversed().flatMap((code) => bytesOf(code | 0x80))];
}

function bytesOf(code: number): number[] {
  return code > 0xff ? [code >> 8, code & 0xff] : [code];
}
