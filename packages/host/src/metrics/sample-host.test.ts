import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { waitFor } from '../wait.ts';
import { parseCpuTicks, parseLoad, parseMemory, parseProcessTicks, parseRssBytes } from './proc-parsers.ts';
import { hostSampleBetween, processSampleBetween, sampleHost, sampleHostWhile, sampleProcess } from './sample-host.ts';

const fixture = (name: string): Promise<string> => readFile(new URL(`./fixtures/${name}`, import.meta.url), 'utf8');

test('reads what Linux 6.18 shows', async () => {
  const busy = 91004 + 110270 + 34753 + 0 + 617 + 172;
  assert.deepEqual(parseCpuTicks(await fixture('proc-stat.txt')), { busy, total: busy + 368380 + 1478 });
  assert.deepEqual(parseMemory(await fixture('proc-meminfo.txt')), { total: 24684084 * 1024, available: 22618140 * 1024 });
  assert.deepEqual(parseLoad('2.58 2.96 3.15 3/311 14556\n'), [2.58, 2.96, 3.15]);
  assert.equal(parseProcessTicks('7 (a) b) S) R 1 7 7 0 -1 4194304 98 0 0 0 10 20 3 4 20 0 1 0 307291 3133440 380'), 37);
  assert.equal(parseRssBytes('Name:\tcat\nVmRSS:\t    1520 kB\n'), 1520 * 1024);
  assert.equal(parseRssBytes('Name:\tkthreadd\n'), 0);
});

test('rates are differences; time that did not pass makes none', () => {
  const memory = { total: 1000, available: 400 };
  const load: [number, number, number] = [1, 2, 3];
  const before = { atMs: 1000, cpu: { busy: 100, total: 1000 }, memory, load };
  const after = { atMs: 3000, cpu: { busy: 300, total: 1400 }, memory, load };
  assert.deepEqual(hostSampleBetween(before, after, 100), {
    seconds: 2,
    cpuPercent: 50,
    cpuSeconds: 2,
    memoryUsedBytes: 600,
    memoryTotalBytes: 1000,
    load,
  });
  assert.equal(hostSampleBetween(before, before, 100).cpuPercent, 0);
  const processBefore = { atMs: 0, cpuSeconds: 1, rssBytes: 5 };
  assert.deepEqual(processSampleBetween(processBefore, { atMs: 2000, cpuSeconds: 4, rssBytes: 7 }), {
    seconds: 2,
    cpuSeconds: 3,
    cpuPercent: 150,
    rssBytes: 7,
  });
  assert.equal(processSampleBetween(processBefore, processBefore).cpuPercent, 0);
});

test('a process that works is seen to work, here and on the host; one that is gone is null', async () => {
  const child = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const { pid } = child;
  assert.ok(pid !== undefined);
  const before = await sampleProcess(pid);
  const { value: after, sample } = await sampleHostWhile(() =>
    waitFor(
      async () => {
        const reading = await sampleProcess(pid);
        return reading && before && reading.cpuSeconds - before.cpuSeconds >= 0.3 && reading;
      },
      { timeoutMs: 30_000 },
    ),
  );
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
  assert.ok(before && after);
  assert.ok(processSampleBetween(before, after).cpuSeconds >= 0.3);
  assert.ok(after.rssBytes > 1024 ** 2);
  assert.ok(sample.cpuSeconds >= 0.25 && sample.cpuPercent > 0 && sample.cpuPercent <= 100, JSON.stringify(sample));
  assert.equal(await sampleProcess(pid), null);
  assert.ok((await sampleHost()).memory.available > 0);
});
