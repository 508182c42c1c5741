import { createPageClient } from '@nakhoda/client/browser';
import type { Session } from '@nakhoda/schema';

import { observable } from './observable.ts';

/** Who is logged in: undefined until it is known, null for nobody. */
export const session = observable<Session | null | undefined>(undefined);

/** The API of the daemon that this page came from. */
export const api = createPageClient({
  csrfToken: () => session.get()?.csrfToken ?? null,
  // Only one who was in can lose it; the first look finds nobody, and that is no loss.
  onSessionLost: () => session.set(null),
});

/** Asks whether the browser still has a session. */
export async function findSession(): Promise<void> {
  try {
    session.set(await api.call('session.show'));
  } catch {
    session.set(null);
  }
}

/** @throws NakhodaError `auth.bad-credentials`, `auth.rate-limited` */
export async function logIn(user: string, password: string): Promise<void> {
  session.set(await api.call('session.create', { body: { user, password } }));
}

export async function logOut(): Promise<void> {
  await api.call('session.delete');
  session.set(null);
}
