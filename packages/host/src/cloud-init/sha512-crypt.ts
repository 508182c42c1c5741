import { createHash } from 'node:crypto';

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const rounds = 5000;

/**
 * A password's hash as crypt(3) makes it with `$6$` and the usual 5000 rounds, about 10 ms. Node has none of its own.
 * After Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512"; the numbers are its steps.
 * @param salt 1 to 16 characters of crypt's alphabet
 */
export function sha512Crypt(password: string, salt: string): string {
  if (!/^[./0-9A-Za-z]{1,16}$/.test(salt)) throw new Error('a salt has 1 to 16 letters, digits, dots and slashes');
  const key = Buffer.from(password, 'utf8');
  const pepper = Buffer.from(salt, 'latin1');
  // 4 to 8
  const b = digest(key, pepper, key);
  // 1 to 3, 9 to 12
  const parts: Buffer[] = [key, pepper, repeated(b, key.length)];
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? b : key);
  let a = digest(...parts);
  // 13 to 16
  const p = repeated(digest(...Array.from({ length: key.length }, () => key)), key.length);
  // 17 to 20
  const s = repeated(digest(...Array.from({ length: 16 + (a[0] ?? 0) }, () => pepper)), pepper.length);
  // 21
  for (let round = 0; round < rounds; round += 1) {
    const odd = round % 2 === 1;
    a = digest(odd ? p : a, round % 3 === 0 ? empty : s, round % 7 === 0 ? empty : p, odd ? a : p);
  }
  return `$6$${salt}$${encode(a)}`;
}

const empty = Buffer.alloc(0);

function digest(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** As many bytes of `data`, over and over. */
function repeated(data: Buffer, length: number): Buffer {
  return Buffer.alloc(length, data);
}

/** 22: three bytes at a time to four characters, in crypt's own order. */
function encode(a: Buffer): string {
  let text = '';
  let [i, j, k] = [0, 21, 42];
  for (let group = 0; group < 21; group += 1) {
    text += characters(((a[i] ?? 0) << 16) | ((a[j] ?? 0) << 8) | (a[k] ?? 0), 4);
    [i, j, k] = [j + 1, k + 1, i + 1];
  }
  return text + characters(a[63] ?? 0, 2);
}

function characters(bits: number, count: number): string {
  return Array.from({ length: count }, (_, index) => alphabet[(bits >> (6 * index)) & 63]).join('');
}
