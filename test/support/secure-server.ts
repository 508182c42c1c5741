import type { AuthRecords, AuthStore } from '../../apps/daemon/src/auth/auth-store.ts';
import { noAuthRecords } from '../../apps/daemon/src/auth/auth-store.ts';
import { loginGate } from '../../apps/daemon/src/auth/gates.ts';
import { createLogin, type Login, type OpenSession } from '../../apps/daemon/src/auth/login.ts';
import { sessionHandlers } from '../../apps/daemon/src/auth/session-handlers.ts';
import { buildServer, type Gate } from '../../apps/daemon/src/http/build-server.ts';
import type { Handlers } from '../../apps/daemon/src/http/handlers.ts';
import { stubHandlers } from './stub-server.ts';

/** Keeps the records in memory: what a test hands from one "daemon" to the next. */
export function memoryAuthStore(): AuthStore {
  let records: AuthRecords = noAuthRecords;
  return {
    read: () => records,
    update: async (change) => {
      records = change(records);
    },
  };
}

type HttpServer = Awaited<ReturnType<typeof buildServer>>;

/** A server behind the login, without TLS: requests are injected. */
export interface SecureServer {
  readonly server: HttpServer;
  readonly login: Login;
  readonly user: string;
  readonly password: string;
  /** Moves the server's clock. */
  advance(milliseconds: number): void;
  openSession(): Promise<OpenSession>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startSecureServer(
  options: { handlers?: Partial<Handlers>; store?: AuthStore; staticFolder?: string; wrapGate?: (gate: Gate) => Gate } = {},
): Promise<SecureServer> {
  let time = Date.parse('2026-01-02T03:04:05Z');
  const login = await createLogin({ store: options.store ?? memoryAuthStore(), now: () => time });
  const { user, password } = await login.ensureAdmin();
  const handlers = stubHandlers({ ...sessionHandlers(login), ...options.handlers });
  const server = await buildServer({
    handlers,
    gate: (options.wrapGate ?? ((gate) => gate))(loginGate(login)),
    ...(options.staticFolder === undefined ? {} : { staticFolder: options.staticFolder }),
  });
  await server.ready();
  return {
    server,
    login,
    user,
    password: password ?? '',
    advance: (milliseconds) => void (time += milliseconds),
    openSession: () => login.logIn({ user, password: password ?? '', address: '192.0.2.1' }),
    [Symbol.asyncDispose]: () => server.close(),
  };
}
