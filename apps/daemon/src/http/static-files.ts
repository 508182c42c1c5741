import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

import { pagePolicy } from './security-headers.ts';

/**
 * Serves the page's files to everybody, for GET outside `/api`. An address without a file name gets `index.html`,
 * so that the page's own addresses can be opened directly.
 */
export async function addStaticFiles(server: FastifyInstance, folder: string): Promise<void> {
  await server.register(fastifyStatic, { root: folder, serve: false, dotfiles: 'ignore', cacheControl: false });
  server.route<{ Params: { '*': string } }>({
    method: 'GET',
    url: '/*',
    config: { public: true },
    handler: (request, reply) => {
      const path = request.params['*'];
      const isFile = (path.split('/').at(-1) ?? '').includes('.');
      // The browser asks each time whether a file is still the same, and gets 304: an upgrade shows at once.
      reply.headers({ 'Content-Security-Policy': pagePolicy, 'Cache-Control': 'no-cache' });
      return reply.sendFile(isFile ? path : 'index.html');
    },
  });
}
