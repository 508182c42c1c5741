/** A key by its name in the API (QEMU's), as browsers name its place, and as VNC names its meaning. */
export interface ConsoleKey {
  readonly name: string;
  /** `KeyboardEvent.code`. */
  readonly code: string;
  /** X11's keysym, which VNC sends. */
  readonly keysym: number;
}

const named: readonly (readonly [name: string, code: string, keysym: number])[] = [
  ['esc', 'Escape', 0xff1b],
  ['tab', 'Tab', 0xff09],
  ['ret', 'Enter', 0xff0d],
  ['spc', 'Space', 0x20],
  ['backspace', 'Backspace', 0xff08],
  ['delete', 'Delete', 0xffff],
  ['insert', 'Insert', 0xff63],
  ['home', 'Home', 0xff50],
  ['end', 'End', 0xff57],
  ['pgup', 'PageUp', 0xff55],
  ['pgdn', 'PageDown', 0xff56],
  ['left', 'ArrowLeft', 0xff51],
  ['up', 'ArrowUp', 0xff52],
  ['right', 'ArrowRight', 0xff53],
  ['down', 'ArrowDown', 0xff54],
  ['print', 'PrintScreen', 0xff61],
  ['compose', 'ContextMenu', 0xff67],
  ['caps_lock', 'CapsLock', 0xffe5],
  ['num_lock', 'NumLock', 0xff7f],
  ['scroll_lock', 'ScrollLock', 0xff14],
  ['ctrl', 'ControlLeft', 0xffe3],
  ['ctrl_r', 'ControlRight', 0xffe4],
  ['shift', 'ShiftLeft', 0xffe1],
  ['shift_r', 'ShiftRight', 0xffe2],
  ['alt', 'AltLeft', 0xffe9],
  ['alt_r', 'AltRight', 0xffea],
  ['meta_l', 'MetaLeft', 0xffeb],
  ['meta_r', 'MetaRight', 0xffec],
  ['minus', 'Minus', 0x2d],
  ['equal', 'Equal', 0x3d],
  ['bracket_left', 'BracketLeft', 0x5b],
  ['bracket_right', 'BracketRight', 0x5d],
  ['semicolon', 'Semicolon', 0x3b],
  ['apostrophe', 'Quote', 0x27],
  ['grave_accent', 'Backquote', 0x60],
  ['backslash', 'Backslash', 0x5c],
  ['comma', 'Comma', 0x2c],
  ['dot', 'Period', 0x2e],
  ['slash', 'Slash', 0x2f],
  ['less', 'IntlBackslash', 0x3c],
  ...Array.from('abcdefghijklmnopqrstuvwxyz', (letter) => [letter, `Key${letter.toUpperCase()}`, letter.charCodeAt(0)] as const),
  ...Array.from('0123456789', (digit) => [digit, `Digit${digit}`, digit.charCodeAt(0)] as const),
  ...Array.from({ length: 12 }, (_, index) => [`f${index + 1}`, `F${index + 1}`, 0xffbe + index] as const),
  ...Array.from('0123456789', (digit, index) => [`kp_${digit}`, `Numpad${digit}`, 0xffb0 + index] as const),
  ['kp_enter', 'NumpadEnter', 0xff8d],
  ['kp_add', 'NumpadAdd', 0xffab],
  ['kp_subtract', 'NumpadSubtract', 0xffad],
  ['kp_multiply', 'NumpadMultiply', 0xffaa],
  ['kp_divide', 'NumpadDivide', 0xffaf],
  ['kp_decimal', 'NumpadDecimal', 0xffae],
];

export const consoleKeys: readonly ConsoleKey[] = named.map(([name, code, keysym]) => ({ name, code, keysym }));
const byName = new Map(consoleKeys.map((key) => [key.name, key]));
const byCode = new Map(consoleKeys.map((key) => [key.code, key]));

/** Keys that are held by a button until it is pressed again. */
export const stickyKeys = ['ctrl', 'alt', 'meta_l'] as const;
export type StickyKey = (typeof stickyKeys)[number];

/** Combinations that a browser, or the system below it, would keep for itself; the API's words for them. */
export const offeredCombinations = [
  'ctrl-alt-delete',
  'ctrl-alt-backspace',
  'alt-tab',
  'alt-f4',
  'meta_l',
  'print',
  'esc',
  'f11',
  ...Array.from({ length: 7 }, (_, index) => `ctrl-alt-f${index + 1}`),
] as const;

const labels: Readonly<Record<string, string>> = {
  ctrl: 'Ctrl',
  alt: 'Alt',
  meta_l: 'Super',
  delete: 'Del',
  backspace: 'Backspace',
  tab: 'Tab',
  esc: 'Esc',
  print: 'Print Screen',
};

/** `ctrl-alt-delete` → `Ctrl+Alt+Del`; what is printed on keys is the same in every language. */
export function combinationLabel(combination: string): string {
  return combination
    .split('-')
    .map((name) => labels[name] ?? name.toUpperCase())
    .join('+');
}

/** The keys of a combination in the order in which they are pressed. @throws RangeError when it names a key that is not here */
export function keysOf(combination: string): ConsoleKey[] {
  return combination.split('-').map((name) => {
    const key = byName.get(name);
    if (key === undefined) throw new RangeError(`no key is called ${name}`);
    return key;
  });
}

/** What of a `KeyboardEvent` is read. */
interface KeyPress {
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
  readonly metaKey: boolean;
}

const modifiers = [
  ['ctrlKey', 'ctrl'],
  ['altKey', 'alt'],
  ['shiftKey', 'shift'],
  ['metaKey', 'meta_l'],
] as const;

/**
 * The combination that a key stands for where only whole combinations can be sent: with the modifiers that are down and those
 * that are held by buttons. Null for a modifier alone, and for a key that the API has no name for.
 */
export function combinationOf(event: KeyPress, held: ReadonlySet<string> = new Set()): string | null {
  const key = byCode.get(event.code);
  if (key === undefined || /^(Control|Alt|Shift|Meta)/u.test(key.code)) return null;
  const before = modifiers.filter(([flag, name]) => event[flag] || held.has(name)).map(([, name]) => name);
  return [...before, key.name].join('-');
}
