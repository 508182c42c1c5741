export const sessionCookie = 'nakhoda_session';

/** What came with a request. `broken` is more than nothing: somebody tries something, and no other way in is looked at. */
export type Credentials = { kind: 'none' } | { kind: 'broken' } | { kind: 'token'; token: string } | { kind: 'session'; secret: string };

/**
 * Reads the two headers strictly: a token or cookie is one string of the exact form that was handed out. Values are
 * never decoded, and never parsed as JSON; a cookie that comes twice counts as broken.
 */
export function readCredentials(headers: { authorization?: string | undefined; cookie?: string | undefined }): Credentials {
  if (headers.authorization !== undefined) {
    const token = /^Bearer (nkh_[A-Za-z0-9_-]{43})$/u.exec(headers.authorization)?.[1];
    return token === undefined ? { kind: 'broken' } : { kind: 'token', token };
  }
  const values = (headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${sessionCookie}=`))
    .map((pair) => pair.slice(sessionCookie.length + 1));
  const [secret] = values;
  if (secret === undefined) return { kind: 'none' };
  return values.length === 1 && /^[A-Za-z0-9_-]{43}$/u.test(secret) ? { kind: 'session', secret } : { kind: 'broken' };
}

/** The header that gives a browser its session: out of scripts' reach, never sent over plain HTTP or from other sites. */
export function sessionCookieHeader(secret: string): string {
  return `${sessionCookie}=${secret}; Path=/; HttpOnly; Secure; SameSite=Strict`;
}

/** The header that takes it away again. */
export const clearedCookieHeader = `${sessionCookie}=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0`;
