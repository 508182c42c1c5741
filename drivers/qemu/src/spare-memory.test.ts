import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseAvailable, refuseToStarve } from './spare-memory.ts';

// The beginning of /proc/meminfo of Linux 6.1.
const meminfo = 'MemTotal:         353932 kB\nMemFree:          156712 kB\nMemAvailable:     148480 kB\nBuffers:               0 kB\n';
const { signal } = new AbortController();
const guest = (text: string) => ({ readFile: () => Promise.resolve(Buffer.from(text)) });

test('what the guest can spare, as Linux tells it', () => {
  assert.equal(parseAvailable(meminfo), 145);
  for (const text of ['', 'MemAvailable: lots', 'MemFree: 156712 kB', 'xMemAvailable: 148480 kB'])
    assert.equal(parseAvailable(text), null, text);
});

test('a guest keeps what it needs and a little more; of one that tells nothing, nothing is taken', async () => {
  await refuseToStarve(guest(meminfo), 113, signal);
  await assert.rejects(refuseToStarve(guest(meminfo), 114, signal), {
    message: 'The guest can spare 113 MiB now, and 114 MiB were to go.',
  });
  const silent = { readFile: () => Promise.reject(new Error('no agent')) };
  for (const nobody of [null, silent, guest('')])
    await assert.rejects(refuseToStarve(nobody, 4, signal), { message: /Nobody in the guest/ });
  await assert.rejects(refuseToStarve(silent, 4, AbortSignal.abort()), { name: 'AbortError' });
});
