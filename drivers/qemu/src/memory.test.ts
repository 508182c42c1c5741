import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { memoryStepMiB } from './hardware/memory.ts';
import { memorySteps, setMemory } from './memory.ts';
import type { QmpClient } from './qmp/qmp-client.ts';

const mebibyte = 1024 * 1024;

/** QEMU's side of a guest that follows a request only as far as between two bounds, in MiB; begins with 64. */
function fakeQmp({ least, most }: { least: number; most: number }): { qmp: QmpClient; requests: number[]; size: () => number } {
  const requests: number[] = [];
  let size = 64;
  let requested = 64;
  const execute = (command: string, { value }: { value?: number }): Promise<unknown> => {
    if (command === 'qom-set') {
      requested = (value ?? 0) / mebibyte;
      requests.push(requested);
      size = Math.min(most, Math.max(least, requested));
      return Promise.resolve({});
    }
    const data = { 'id': 'memory0-device', 'size': size * mebibyte, 'requested-size': requested * mebibyte };
    return Promise.resolve([
      { type: 'dimm', data: { id: 'other', size: 0 } },
      { type: 'virtio-mem', data },
    ]);
  };
  const qmp = { execute, onEvent: () => () => undefined } as unknown as QmpClient;
  return { qmp, requests, size: () => size };
}

const release = { timeoutMs: 150, signal: new AbortController().signal };

test('a guest that follows has what was asked for', async () => {
  const { qmp, requests } = fakeQmp({ least: 0, most: 512 });
  await setMemory(qmp, 256, release);
  await setMemory(qmp, 0, release);
  // Back in steps, so that one that has no more to give is not asked for all of it at once.
  assert.deepEqual(requests, [256, 224, 192, 160, 128, 96, 64, 32, 0]);
});

for (const [title, bounds, wanted, reason] of [
  ['takes a part', { least: 0, most: 128 }, 256, /took 64 MiB of the 192 MiB, and no more within 0.15 s\. It has to know virtio-mem/],
  ['takes nothing', { least: 0, most: 64 }, 256, /took none of the 192 MiB/],
  ['gives back a part', { least: 16, most: 512 }, 0, /gave back 48 MiB of the 64 MiB, and no more within 0.15 s\. It needs that/],
  ['gives back nothing', { least: 64, most: 512 }, 0, /gave back none of the 64 MiB/],
] as [string, { least: number; most: number }, number, RegExp][]) {
  test(`one that ${title} has it undone, and the reason is told`, async () => {
    const { qmp, requests, size } = fakeQmp(bounds);
    await assert.rejects(setMemory(qmp, wanted, release), { code: 'guest.timeout', message: reason });
    assert.deepEqual([requests.at(-1), size()], [64, 64]);
  });
}

test('whatever goes, it goes in steps that the device knows, and not in more than 64', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 500_000 }), fc.integer({ min: 0, max: 500_000 }), (from, to) => {
      const steps = memorySteps(from * memoryStepMiB, to * memoryStepMiB);
      assert.equal(steps.at(-1), to * memoryStepMiB);
      assert.ok(steps.length <= (from > to ? 64 : 1));
      for (const [index, step] of steps.entries()) {
        assert.equal(step % memoryStepMiB, 0);
        if (from > to) assert.ok(step < (steps[index - 1] ?? from * memoryStepMiB));
      }
    }),
  );
});

test('whoever gives up waiting leaves it as it was, too', async () => {
  const { qmp, requests } = fakeQmp({ least: 64, most: 64 });
  await assert.rejects(setMemory(qmp, 256, { timeoutMs: 10_000, signal: AbortSignal.timeout(20) }), { name: 'AbortError' });
  assert.deepEqual(requests, [256, 64]);
});

test('a VM without the device is told that there is no room', async () => {
  const qmp = { execute: () => Promise.resolve([]), onEvent: () => () => undefined } as unknown as QmpClient;
  await assert.rejects(setMemory(qmp, 256, release), { code: 'hypervisor.failed', message: /without room for more memory/ });
});
