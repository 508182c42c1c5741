import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';

import Fastify from 'fastify';

import { addStaticFiles } from './static-files.ts';

async function served(t: TestContext, files: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'nkp-'));
  await mkdir(join(folder, 'assets'));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  if ('assets/a-1.js' in files) await writeFile(join(folder, 'assets/a-1.js.br'), brotliCompressSync(files['assets/a-1.js'] ?? ''));
  const server = Fastify();
  await addStaticFiles(server, folder);
  t.after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });
  return (url: string, encoding?: string) => server.inject({ url, headers: encoding === undefined ? {} : { 'accept-encoding': encoding } });
}

test('what a hash names is kept for ever, and sent as the build compressed it', async (t) => {
  const get = await served(t, { 'index.html': '<p>', 'assets/a-1.js': 'x'.repeat(2000) });
  const plain = await get('/assets/a-1.js');
  assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.equal(plain.body.length, 2000);
  const small = await get('/assets/a-1.js', 'gzip, br');
  assert.equal(small.headers['content-encoding'], 'br');
  assert.match(String(small.headers['content-type']), /javascript/u);
  assert.equal(brotliDecompressSync(small.rawPayload).length, 2000);
});

test("every address without a file name is the page's, and is asked for each time", async (t) => {
  const get = await served(t, { 'index.html': '<p>page' });
  for (const url of ['/', '/vms/100?tab=console', '/no/such/screen']) {
    const answer = await get(url);
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.body, '<p>page');
    assert.equal(answer.headers['cache-control'], 'no-cache');
    assert.match(String(answer.headers['content-security-policy']), /script-src 'self';/u);
  }
  assert.equal((await get('/assets/gone-2.js')).statusCode, 404);
  assert.equal((await get('/.sources')).statusCode, 404);
});

test('a page that was not built says what to do', async (t) => {
  const get = await served(t, {});
  const answer = await get('/');
  assert.equal(answer.statusCode, 503);
  assert.match(answer.body, /nakhoda setup page/u);
});
