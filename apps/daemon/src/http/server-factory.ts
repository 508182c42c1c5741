import type { RequestListener, Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';

// An `import` of node:http asks for all of its exports at once, some of which load a second HTTP client (undici) and its memory.
const { createServer: createHttpServer } = process.getBuiltinModule('node:http');

/** A certificate and its key, both PEM. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
}

/** A request that takes longer than this to arrive is dropped. Answers may take as long as they like. */
const requestTimeoutMs = 30_000;

/**
 * Makes the server that Fastify listens with. On a Unix socket the file is born with mode 0600: a chmod after
 * the bind would leave an instant in which others could connect.
 */
export function serverFactory(tls: TlsMaterial | undefined): (handler: RequestListener) => Server {
  return (handler) => {
    const options = { requestTimeout: requestTimeoutMs, keepAliveTimeout: 72_000 };
    const server: Server =
      tls === undefined ? createHttpServer(options, handler) : createHttpsServer({ ...options, ...tls, minVersion: 'TLSv1.2' }, handler);
    const listen = server.listen.bind(server) as (...parameters: unknown[]) => Server;
    // Node binds within this call, so the umask touches nothing else that the process does.
    server.listen = (...parameters: unknown[]) => {
      const before = process.umask(0o177);
      try {
        return listen(...parameters);
      } finally {
        process.umask(before);
      }
    };
    return server;
  };
}
