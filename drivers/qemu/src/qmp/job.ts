import { setTimeout as delay } from 'node:timers/promises';

import { NakhodaError } from '@nakhoda/schema';

import type { JobInfo } from './commands.ts';
import type { QmpClient } from './qmp-client.ts';

/**
 * Starts a job with `start`, which uses the given id, and waits for its end: QEMU tells each step by an event, and is
 * asked now and then in case one was missed. A job that waits for a word to come to its end (`ready`) gets it by `onReady`.
 * @throws NakhodaError `hypervisor.failed` with QEMU's own words, `hypervisor.timeout` after `timeoutMs`.
 */
export async function runJob(
  qmp: QmpClient,
  id: string,
  start: () => Promise<unknown>,
  options: { timeoutMs: number; progress?: (fraction: number) => void; onReady?: () => Promise<void> },
): Promise<void> {
  let wake: () => void = () => undefined;
  const stopListening = qmp.onEvent(({ event, data }) => {
    if (event === 'JOB_STATUS_CHANGE' && data['id'] === id) wake();
  });
  const deadline = performance.now() + options.timeoutMs;
  let { onReady } = options;
  try {
    await start();
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const job = (await qmp.execute('query-jobs', {})).find((entry) => entry.id === id);
      if (!job) throw lostError(id);
      if (job.status === 'concluded') return await dismiss(qmp, job);
      if (job.status === 'ready' && onReady) {
        await onReady();
        onReady = undefined;
        continue;
      }
      if (job['total-progress'] > 0) options.progress?.(job['current-progress'] / job['total-progress']);
      if (performance.now() >= deadline) throw lateError(id, options.timeoutMs);
      await Promise.race([changed, delay(500, undefined, { ref: false }), qmp.closed]);
    }
  } finally {
    stopListening();
  }
}

/** Gives up block jobs with such an id, left by an earlier daemon, and removes them. What they did stays done. */
export async function cancelJobs(qmp: QmpClient, idPrefix: string, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const jobs = (await qmp.execute('query-jobs', {})).filter((job) => job.id.startsWith(idPrefix));
    if (jobs.length === 0) return;
    for (const { id, status } of jobs) {
      if (status === 'concluded') await qmp.execute('job-dismiss', { id });
      // It fails where the job has come to its end meanwhile, which the next look tells.
      else await qmp.execute('block-job-cancel', { device: id, force: true }).catch(() => undefined);
    }
    if (performance.now() >= deadline) throw lateError(jobs[0]?.id ?? idPrefix, timeoutMs);
    await delay(20);
  }
}

async function dismiss(qmp: QmpClient, job: JobInfo): Promise<void> {
  await qmp.execute('job-dismiss', { id: job.id });
  if (job.error !== undefined) {
    throw new NakhodaError('hypervisor.failed', { message: `QEMU: ${job.error}`, hint: "QEMU's own words above say what it missed." });
  }
}

function lostError(id: string): NakhodaError {
  return new NakhodaError('hypervisor.failed', {
    message: `QEMU's job ${id} vanished before it told its outcome.`,
    hint: 'Somebody else may be using the QMP socket of this VM.',
  });
}

function lateError(id: string, timeoutMs: number): NakhodaError {
  return new NakhodaError('hypervisor.timeout', {
    message: `QEMU's job ${id} did not end within ${timeoutMs / 1000} s.`,
    hint: 'Look whether the storage of the disks is overloaded.',
  });
}
