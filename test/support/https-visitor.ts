// Visits a daemon's HTTPS address, as a browser would: `https-visitor.ts URL USER PASSWORD`, to be run in the daemon's
// network namespace. Prints what it saw as JSON.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { json } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';

/** What the visit found. */
export interface Visit {
  /** SHA-256 of the certificate that the server showed, as Node writes it: pairs with colons. */
  fingerprint: string;
  /** HTTP statuses. */
  withoutLogin: number;
  wrongPassword: number;
  login: number;
  withLogin: number;
}

interface Answer {
  status: number;
  cookie: string;
  fingerprint: string;
}

const [url = '', user = '', password = ''] = process.argv.slice(2);

async function ask(method: 'GET' | 'POST', path: string, more: { body?: object; cookie?: string } = {}): Promise<Answer> {
  const headers = {
    origin: url,
    ...(more.cookie === undefined ? {} : { cookie: more.cookie }),
    ...(more.body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  // The certificate is the daemon's own, and its fingerprint is what the caller compares.
  const sent = request(new URL(`/api/v1${path}`, url), { method, headers, rejectUnauthorized: false });
  sent.end(more.body === undefined ? undefined : JSON.stringify(more.body));
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const fingerprint = (answer.socket as TLSSocket).getPeerCertificate().fingerprint256;
  await json(answer);
  return { status: answer.statusCode ?? 0, cookie: answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '', fingerprint };
}

const withoutLogin = await ask('GET', '/vms');
const wrongPassword = await ask('POST', '/session', { body: { user, password: `${password}x` } });
const login = await ask('POST', '/session', { body: { user, password } });
const withLogin = await ask('GET', '/vms', { cookie: login.cookie });
const visit: Visit = {
  fingerprint: login.fingerprint,
  withoutLogin: withoutLogin.status,
  wrongPassword: wrongPassword.status,
  login: login.status,
  withLogin: withLogin.status,
};
process.stdout.write(JSON.stringify(visit));
