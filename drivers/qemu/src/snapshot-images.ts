import { randomBytes } from 'node:crypto';

import type { MachineDisk } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import { diskNode } from './command-line.ts';
import type { Environment } from './environment.ts';
import type { Machine } from './machine.ts';
import { runJob, settleJobs } from './qmp/job.ts';
import type { QmpClient } from './qmp/qmp-client.ts';

/** Until QEMU 10's background snapshots, memory is written while the guest stands still: this bounds a hopeless wait. */
const jobTimeoutMs = 30 * 60_000;
const jobPrefix = 'nakhoda-snapshot-';

/** The VM's QMP connection; null when no process lives. @throws NakhodaError `hypervisor.timeout` when one does and does not answer. */
export async function liveQmp(machine: Machine): Promise<QmpClient | null> {
  if (!machine.alive) return null;
  const qmp = await machine.qmp(2_000);
  if (qmp) return qmp;
  throw new NakhodaError('hypervisor.timeout', {
    message: `The QEMU of VM ${machine.spec.name} does not answer.`,
    hint: 'Look whether the process hangs, or stop the VM by power-off.',
  });
}

/** Takes a snapshot of all disks of a running VM at one instant, without its memory. */
export async function snapshotDisks(qmp: QmpClient, name: string, disks: readonly MachineDisk[]): Promise<void> {
  const actions = disks.map(({ slot }) => ({ type: 'blockdev-snapshot-internal-sync' as const, data: { device: diskNode(slot), name } }));
  await qmp.execute('transaction', { actions });
}

/** Saves or loads the whole guest: all disks, and its memory in the first one's image. `progress` is the share that is done, 0 to 1. */
export async function memoryJob(
  qmp: QmpClient,
  command: 'snapshot-save' | 'snapshot-load',
  name: string,
  disks: readonly MachineDisk[],
  progress: (fraction: number) => void,
): Promise<void> {
  const id = jobPrefix + randomBytes(4).toString('hex');
  const devices = disks.map(({ slot }) => diskNode(slot));
  const vmstate = devices[0] ?? '';
  await runJob(qmp, id, () => qmp.execute(command, { 'job-id': id, 'tag': name, vmstate, devices }), { timeoutMs: jobTimeoutMs, progress });
}

/** The disks whose images have a snapshot of that name. */
export async function slotsWith({ images }: Environment, { spec }: Machine, qmp: QmpClient | null, name: string): Promise<string[]> {
  const slots: string[] = [];
  const nodes = await qmp?.execute('query-named-block-nodes', { flat: true });
  for (const disk of spec.disks) {
    const snapshots = nodes?.find((node) => node['node-name'] === diskNode(disk.slot))?.image?.snapshots ?? [];
    const names = nodes ? snapshots.map((snapshot) => snapshot.name) : await images.snapshotNames(disk);
    if (names.includes(name)) slots.push(disk.slot);
  }
  return slots;
}

/** Deletes the snapshot from every image that has it. Idempotent. */
export async function removeFromImages({ images }: Environment, machine: Machine, name: string): Promise<void> {
  const { disks } = machine.spec;
  const qmp = await liveQmp(machine);
  if (qmp) {
    await settleJobs(qmp, jobPrefix, jobTimeoutMs);
    const id = jobPrefix + randomBytes(4).toString('hex');
    const devices = disks.map(({ slot }) => diskNode(slot));
    await runJob(qmp, id, () => qmp.execute('snapshot-delete', { 'job-id': id, 'tag': name, devices }), { timeoutMs: jobTimeoutMs });
    return;
  }
  for (const disk of disks) if ((await images.snapshotNames(disk)).includes(name)) await images.snapshot(disk, '-d', name);
}
