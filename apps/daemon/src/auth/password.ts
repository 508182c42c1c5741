import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

import { randomText } from './secrets.ts';

const argon2Async = promisify(argon2);

/**
 * Argon2id with 19 MiB of memory, 2 passes and one lane: the OWASP Password Storage Cheat Sheet's recommendation.
 * https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
 */
const cost = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 };

/** 100 random bits in four groups that can be read aloud: `abcde-fghij-kmnpq-rstuv`. */
export function newPassword(): string {
  return Array.from({ length: 4 }, () => randomText(5)).join('-');
}

/** The password's hash with its salt and cost, in the form `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16);
  const tag = await argon2Async('argon2id', { message: password, nonce, ...cost });
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${nonce.toString('base64')}$${tag.toString('base64')}`;
}

/** True when the password is the one that `hash` was made from. A hash of another form matches nothing. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const parts = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/u.exec(hash);
  if (parts === null) return false;
  const [, memory, passes, parallelism, salt = '', wanted = ''] = parts;
  const expected = Buffer.from(wanted, 'base64');
  const tag = await argon2Async('argon2id', {
    message: password,
    nonce: Buffer.from(salt, 'base64'),
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    tagLength: expected.length,
  });
  return timingSafeEqual(tag, expected);
}
