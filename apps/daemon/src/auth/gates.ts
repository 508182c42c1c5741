import { NakhodaError } from '@nakhoda/schema';
import type { FastifyRequest } from 'fastify';

import type { Gate } from '../http/build-server.ts';
import { readCredentials } from './credentials.ts';
import type { Login } from './login.ts';
import { localAdministrator } from './principal.ts';
import { equalSecrets } from './secrets.ts';

/**
 * For the Unix socket: its file mode has let the caller in. A browser cannot get there, so an Origin
 * means that somebody has put a proxy before the socket, which would make every page an administrator.
 */
export const localGate: Gate = async (request) => {
  if (request.headers.origin !== undefined) throw foreignOrigin();
  return localAdministrator;
};

/** For HTTPS: a bearer token, or a session with its CSRF token on changes. Requests of foreign pages are refused before all else. */
export function loginGate(login: Login): Gate {
  return async (request, permission) => {
    checkOrigin(request);
    if (permission === 'none') return null;
    const credentials = readCredentials(request.headers);
    if (credentials.kind === 'token') {
      const principal = login.tokenPrincipal(credentials.token);
      if (principal === null) throw loginRequired();
      return principal;
    }
    const session = credentials.kind === 'session' ? login.session(credentials.secret) : null;
    if (session === null) throw loginRequired();
    // The upgrade of a WebSocket is a GET that no CSRF token comes with: there the Origin is the proof.
    if (isUpgrade(request) && request.headers.origin === undefined) throw foreignOrigin();
    if (!isReading(request)) checkCsrfToken(request, session.csrfToken);
    return { kind: 'session', user: session.user };
  };
}

function checkCsrfToken(request: FastifyRequest, expected: string): void {
  const came = request.headers['x-csrf-token'];
  if (typeof came === 'string' && equalSecrets(came, expected)) return;
  throw new NakhodaError('auth.csrf', {
    message: 'The request changes something, but its CSRF token is missing or wrong.',
    hint: 'Send the csrfToken of GET /api/v1/session in the header X-CSRF-Token.',
  });
}

/** A browser names the page that sends a change or opens a WebSocket; it must be ours. Programs send none. */
function checkOrigin(request: FastifyRequest): void {
  if (isReading(request) && !isUpgrade(request)) return;
  const { origin, host } = request.headers;
  if (origin !== undefined && origin !== `https://${host}`) throw foreignOrigin();
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw foreignOrigin();
}

function isReading(request: FastifyRequest): boolean {
  return request.method === 'GET' || request.method === 'HEAD';
}

function isUpgrade(request: FastifyRequest): boolean {
  return request.headers.upgrade !== undefined;
}

function foreignOrigin(): NakhodaError {
  return new NakhodaError('auth.csrf', {
    message: 'The request comes from a page of another site.',
    hint: "Open Nakhoda's own page, or send the request from a program with a bearer token.",
  });
}

function loginRequired(): NakhodaError {
  return new NakhodaError('auth.required', {
    message: 'No valid session or token came with the request.',
    hint: 'Log in with POST /api/v1/session, or send a token as "Authorization: Bearer nkh_…".',
  });
}
