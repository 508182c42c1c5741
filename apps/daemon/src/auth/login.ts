import { createHmac } from 'node:crypto';

import { NakhodaError } from '@nakhoda/schema';

import type { AuthRecords, AuthStore, SessionRecord, TokenRecord } from './auth-store.ts';
import { createLoginLimiter, type LoginLimiter } from './login-limiter.ts';
import { hashPassword, newPassword, verifyPassword } from './password.ts';
import type { Principal } from './principal.ts';
import { equalSecrets, hashSecret, newSecret, randomText } from './secrets.ts';

const adminUser = 'admin';
const idleMs = 8 * 3_600_000;
const absoluteMs = 7 * 24 * 3_600_000;
/** How stale a session's record may get: writing it on every request would wear the disk for nothing. */
const touchMs = 60_000;
/** How far the host's clock may be set back without ending the sessions, as time servers do now and then. */
const setBackMs = 5 * 60_000;
const mostSessions = 1000;
const tokenPrefix = 'nkh_';

/** What a login hands out: the cookie's value, and what `GET /session` shows. */
export interface OpenSession {
  readonly secret: string;
  readonly user: string;
  readonly csrfToken: string;
  /** ISO 8601: the latest moment at which it ends, however busy it is. */
  readonly expiresAt: string;
}

/** Accounts, sessions and tokens. */
export interface Login {
  /** Makes the administrator where there is none; the password is known only to who calls this, once. */
  ensureAdmin(): Promise<{ user: string; password: string | null }>;
  /** Gives the administrator a new password and ends every session. Bearer tokens stay. */
  resetPassword(): Promise<{ user: string; password: string }>;
  /** Throws `auth.bad-credentials` or `auth.rate-limited`. */
  logIn(attempt: { user: string; password: string; address: string }): Promise<OpenSession>;
  /** The session of a cookie's value, or null when it is none, idle for too long, or too old. */
  session(secret: string): OpenSession | null;
  logOut(secret: string): Promise<void>;
  /** The principal of a bearer token, or null. */
  tokenPrincipal(token: string): Principal | null;
  createToken(name: string): Promise<TokenRecord & { token: string }>;
  listTokens(): TokenRecord[];
  /** Throws `request.not-found` for an unknown id. */
  deleteToken(id: string): Promise<void>;
}

export interface LoginOptions {
  readonly store: AuthStore;
  readonly limiter?: LoginLimiter;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export async function createLogin({ store, limiter = createLoginLimiter(), now = Date.now }: LoginOptions): Promise<Login> {
  // A password that nobody knows: an unknown user costs the same time as a wrong password.
  const nobodysHash = await hashPassword(newSecret());

  return {
    async ensureAdmin() {
      const known = store.read().admin;
      if (known !== null) return { user: known.user, password: null };
      const password = newPassword();
      const passwordHash = await hashPassword(password);
      await store.update((records) => ({ ...records, admin: records.admin ?? { user: adminUser, passwordHash } }));
      return { user: adminUser, password };
    },

    async resetPassword() {
      const password = newPassword();
      const passwordHash = await hashPassword(password);
      await store.update((records) => ({ ...records, admin: { user: adminUser, passwordHash }, sessions: {} }));
      return { user: adminUser, password };
    },

    async logIn({ user, password, address }) {
      limiter.begin({ address, user });
      const admin = store.read().admin;
      const known = admin !== null && equalSecrets(user, admin.user);
      const right = await verifyPassword(password, known ? admin.passwordHash : nobodysHash);
      if (!known || !right) {
        throw new NakhodaError('auth.bad-credentials', {
          message: 'The user name or the password is wrong.',
          hint: 'Check both. The password was shown once, when the daemon started for the first time.',
        });
      }
      limiter.succeed({ address, user });
      const secret = newSecret();
      const session: SessionRecord = { user: admin.user, createdAt: now(), lastSeenAt: now() };
      await store.update((records) => ({ ...records, sessions: addSession(records.sessions, hashSecret(secret), session, now()) }));
      return openSession(secret, session);
    },

    session(secret) {
      const key = hashSecret(secret);
      const record = own(store.read().sessions, key);
      if (record === undefined || !isAlive(record, now())) return null;
      if (now() - record.lastSeenAt >= touchMs) {
        // The request need not wait for this; should it fail, the session only looks idle for a minute longer.
        store.update((records) => touch(records, key, now())).catch(() => undefined);
      }
      return openSession(secret, record);
    },

    logOut(secret) {
      const key = hashSecret(secret);
      return store.update((records) => ({ ...records, sessions: without(records.sessions, key) }));
    },

    tokenPrincipal(token) {
      const record = own(store.read().tokens, hashSecret(token));
      return record === undefined ? null : { kind: 'token', user: `${adminUser}!${record.name}` };
    },

    async createToken(name) {
      const token = `${tokenPrefix}${newSecret()}`;
      const record: TokenRecord = { id: randomText(12), name, createdAt: new Date(now()).toISOString() };
      await store.update((records) => ({ ...records, tokens: { ...records.tokens, [hashSecret(token)]: record } }));
      return { ...record, token };
    },

    listTokens: () => Object.values(store.read().tokens),

    async deleteToken(id) {
      const key = Object.entries(store.read().tokens).find(([, record]) => record.id === id)?.[0];
      if (key === undefined) {
        throw new NakhodaError('request.not-found', {
          message: `There is no token with the id ${id}.`,
          hint: 'List the tokens with `nakhoda token list`.',
        });
      }
      await store.update((records) => ({ ...records, tokens: without(records.tokens, key) }));
    },
  };
}

function openSession(secret: string, record: SessionRecord): OpenSession {
  return {
    secret,
    user: record.user,
    // Derived from the cookie, so that it is bound to the session and nothing more is kept.
    csrfToken: createHmac('sha256', secret).update('csrf').digest('base64url'),
    expiresAt: new Date(record.createdAt + absoluteMs).toISOString(),
  };
}

/** One from the future was opened while the host's clock was wrong: nobody knows how old it is. */
function isAlive(record: SessionRecord, time: number): boolean {
  if (Math.max(record.createdAt, record.lastSeenAt) - time > setBackMs) return false;
  return time - record.lastSeenAt < idleMs && time - record.createdAt < absoluteMs;
}

/** Drops dead sessions on the way, and the oldest ones beyond the limit. */
function addSession(sessions: AuthRecords['sessions'], key: string, session: SessionRecord, time: number): AuthRecords['sessions'] {
  const alive = Object.entries(sessions)
    .filter(([, record]) => isAlive(record, time))
    .sort(([, one], [, other]) => other.lastSeenAt - one.lastSeenAt)
    .slice(0, mostSessions - 1);
  return { ...Object.fromEntries(alive), [key]: session };
}

function touch(records: AuthRecords, key: string, time: number): AuthRecords {
  const record = own(records.sessions, key);
  if (record === undefined) return records;
  return { ...records, sessions: { ...records.sessions, [key]: { ...record, lastSeenAt: time } } };
}

function own<Value>(record: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function without<Value>(record: Readonly<Record<string, Value>>, key: string): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));
}
