import { existsSync } from 'node:fs';
import { join } from 'node:path';

import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';

import { pagePolicy } from './security-headers.ts';

/** Names in there carry a hash of their content: what has the name once, has it for ever. */
const hashedFolder = 'assets/';

/**
 * Serves the page's files to everybody, for GET outside `/api`, compressed where the browser takes it and the build laid a
 * compressed copy beside. An address without a file name gets `index.html`, so that the page's own addresses can be opened directly.
 */
export async function addStaticFiles(server: FastifyInstance, folder: string): Promise<void> {
  await server.register(fastifyStatic, { root: folder, serve: false, dotfiles: 'ignore', cacheControl: false, preCompressed: true });
  server.route<{ Params: { '*': string } }>({
    method: 'GET',
    url: '/*',
    config: { public: true },
    handler: (request, reply) => {
      const path = request.params['*'];
      const isFile = (path.split('/').at(-1) ?? '').includes('.');
      // The browser asks each time whether index.html is still the same, and gets 304: an upgrade shows at once.
      const caching = path.startsWith(hashedFolder) ? 'public, max-age=31536000, immutable' : 'no-cache';
      reply.headers({ 'Content-Security-Policy': pagePolicy, 'Cache-Control': caching, 'Vary': 'Accept-Encoding' });
      if (!isFile && !existsSync(join(folder, 'index.html'))) return tellUnbuilt(reply);
      return reply.sendFile(isFile ? path : 'index.html');
    },
  });
}

/** Somebody started the daemon without the set-up that builds the page. */
function tellUnbuilt(reply: FastifyReply): FastifyReply {
  return reply
    .code(503)
    .type('text/plain; charset=utf-8')
    .send('The page of Nakhoda is not built on this host. Run ./nakhoda setup page there, then load this address again.\n');
}
