import { NakhodaError } from '@nakhoda/schema';

import type { Handlers } from '../http/handlers.ts';
import { clearedCookieHeader, readCredentials, sessionCookieHeader } from './credentials.ts';
import type { Login } from './login.ts';

/** The local administrator's and a token's way in does not end by itself. */
const never = '9999-12-31T23:59:59.999Z';

type SessionHandlers = Pick<
  Handlers,
  'session.create' | 'session.show' | 'session.delete' | 'password.reset' | 'token.create' | 'token.list' | 'token.delete'
>;

/** The handlers of login, logout and bearer tokens. */
export function sessionHandlers(login: Login): SessionHandlers {
  return {
    'session.create': async ({ body, address, setHeader }) => {
      const { secret, ...session } = await login.logIn({ ...body, address });
      setHeader('Set-Cookie', sessionCookieHeader(secret));
      return session;
    },
    'session.show': async ({ principal, credentials }) => {
      const came = readCredentials(credentials);
      const open = principal?.kind === 'session' && came.kind === 'session' ? login.session(came.secret) : null;
      if (open !== null) return { user: open.user, csrfToken: open.csrfToken, expiresAt: open.expiresAt };
      if (principal === null || principal.kind === 'session') throw new NakhodaError('auth.required', ended);
      return { user: principal.user, csrfToken: '', expiresAt: never };
    },
    'session.delete': async ({ principal, credentials, setHeader }) => {
      const came = readCredentials(credentials);
      if (principal?.kind === 'session' && came.kind === 'session') await login.logOut(came.secret);
      setHeader('Set-Cookie', clearedCookieHeader);
      return {};
    },
    'password.reset': () => login.resetPassword(),
    'token.create': ({ body }) => login.createToken(body.name),
    'token.list': async () => login.listTokens(),
    'token.delete': async ({ params }) => {
      await login.deleteToken(params.id);
      return {};
    },
  };
}

const ended = { message: 'The session has ended.', hint: 'Log in again.' };
