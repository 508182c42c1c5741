import { Type } from 'typebox';

import { endpoint } from '../endpoint.ts';
import { Timestamp } from '../names.ts';

const closed = { additionalProperties: false } as const;

export const Session = Type.Object(
  {
    user: Type.String(),
    csrfToken: Type.String({ description: 'to be sent as X-CSRF-Token with every change' }),
    expiresAt: Timestamp,
  },
  closed,
);
export type Session = Type.Static<typeof Session>;

export const ApiToken = Type.Object({ id: Type.String(), name: Type.String(), createdAt: Timestamp }, closed);
export type ApiToken = Type.Static<typeof ApiToken>;

const TokenName = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]{0,39}$', maxLength: 40 });

export const sessionEndpoints = {
  'session.create': endpoint({
    method: 'POST',
    path: '/session',
    body: Type.Object(
      { user: Type.String({ minLength: 1, maxLength: 64 }), password: Type.String({ minLength: 1, maxLength: 1024 }) },
      closed,
    ),
    result: Session,
    errors: ['auth.bad-credentials', 'auth.rate-limited'],
    permission: 'none',
    summary: 'Log in; sets the session cookie',
  }),
  'session.show': endpoint({
    method: 'GET',
    path: '/session',
    result: Session,
    errors: [],
    permission: 'Sys.Audit',
    summary: 'Show who is logged in',
  }),
  'session.delete': endpoint({
    method: 'DELETE',
    path: '/session',
    result: Type.Object({}, closed),
    errors: [],
    permission: 'Sys.Audit',
    summary: 'Log out',
  }),
  'password.reset': endpoint({
    method: 'POST',
    path: '/password/reset',
    result: Type.Object({ user: Type.String(), password: Type.String({ description: 'shown this once' }) }, closed),
    errors: [],
    permission: 'Sys.Modify',
    summary: 'Make a new password for the administrator and end all sessions',
    cli: { words: ['password', 'reset'] },
  }),
  'token.create': endpoint({
    method: 'POST',
    path: '/tokens',
    body: Type.Object({ name: TokenName }, closed),
    result: Type.Object({ ...ApiToken.properties, token: Type.String({ description: 'shown this once' }) }, closed),
    errors: [],
    permission: 'Sys.Modify',
    summary: 'Make a bearer token for programs',
    cli: { words: ['token', 'create'], positional: ['name'] },
  }),
  'token.list': endpoint({
    method: 'GET',
    path: '/tokens',
    result: Type.Array(ApiToken),
    errors: [],
    permission: 'Sys.Audit',
    summary: 'List bearer tokens',
    cli: { words: ['token', 'list'] },
  }),
  'token.delete': endpoint({
    method: 'DELETE',
    path: '/tokens/:id',
    params: Type.Object({ id: Type.String({ pattern: '^[0-9a-z]{1,40}$' }) }, closed),
    result: Type.Object({}, closed),
    errors: ['request.not-found'],
    permission: 'Sys.Modify',
    summary: 'Revoke a bearer token',
    cli: { words: ['token', 'delete'], positional: ['id'] },
  }),
};
