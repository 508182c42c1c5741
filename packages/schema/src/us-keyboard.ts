/** Characters that one call may type. */
export const longestText = 1000;

/** Keys of the US layout that give a character alone, and the one that they give with shift, by QEMU's names for them. */
export const usLayout: readonly (readonly [key: string, alone: string, shifted: string])[] = [
  ...Array.from('abcdefghijklmnopqrstuvwxyz', (letter) => [letter, letter, letter.toUpperCase()] as const),
  ...Array.from('1234567890', (digit, index) => [digit, digit, '!@#$%^&*()'.charAt(index)] as const),
  ['minus', '-', '_'],
  ['equal', '=', '+'],
  ['bracket_left', '[', '{'],
  ['bracket_right', ']', '}'],
  ['semicolon', ';', ':'],
  ['apostrophe', "'", '"'],
  ['grave_accent', '`', '~'],
  ['backslash', '\\', '|'],
  ['comma', ',', '<'],
  ['dot', '.', '>'],
  ['slash', '/', '?'],
];

const typable = new Set([...usLayout.flatMap(([, alone, shifted]) => [alone, shifted]), ' ', '\t', '\n']);

/** The characters of a text that the US layout lacks, each once: what the daemon refuses, a page can tell before. */
export function untypableCharacters(text: string): string[] {
  return [...new Set(text)].filter((character) => !typable.has(character));
}

/** `"ü" (U+00FC)`; control characters by number alone. */
export function describeCharacter(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  const number = `U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
  return point < 0x20 || (point >= 0x7f && point < 0xa0) ? number : `"${character}" (${number})`;
}
