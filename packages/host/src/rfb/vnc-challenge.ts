import { createCipheriv } from 'node:crypto';

/** Characters of a password that count (RFC 6143, 7.2.2). */
export const vncPasswordLength = 8;

/**
 * The answer to a VNC server's challenge (RFC 6143, 7.2.2): the challenge encrypted with DES, the key being the
 * password's first eight bytes with the bits of each byte mirrored. OpenSSL 3 keeps DES itself in its legacy provider,
 * which Node does not load; triple DES with one key three times over is the same cipher.
 */
export function answerChallenge(challenge: Uint8Array, password: string): Buffer {
  const key = Buffer.alloc(vncPasswordLength);
  key.write(password, 'latin1');
  for (const [index, byte] of key.entries()) key[index] = mirror(byte);
  const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([key, key, key]), null).setAutoPadding(false);
  return Buffer.concat([cipher.update(challenge), cipher.final()]);
}

function mirror(byte: number): number {
  return Number.parseInt(byte.toString(2).padStart(8, '0').split('').toReversed().join(''), 2);
}
