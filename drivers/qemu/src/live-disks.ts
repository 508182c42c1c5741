import type { MachineSpec } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import { type ChainImage, imageNodes, layerNode, layerOfNode, plainTraits } from './block-nodes.ts';
import { diskDevice, limitsNode } from './hardware/disks.ts';
import { imageDisks, variableStore } from './hardware/firmware.ts';
import type { Machine } from './machine.ts';
import type { BlockStats } from './qmp/commands.ts';
import { cancelJobs, runJob } from './qmp/job.ts';
import type { QmpClient } from './qmp/qmp-client.ts';

/** Of moving one overlay's content down: this bounds a hopeless wait. */
const jobTimeoutMs = 6 * 60 * 60_000;
const jobPrefix = 'nakhoda-merge-';

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

/** The layers whose images QEMU has in use for each disk, top first. */
export async function liveLayers(qmp: QmpClient, spec: MachineSpec): Promise<Record<string, number[]>> {
  const devices = await qmp.execute('query-blockstats', {});
  const chains: Record<string, number[]> = {};
  for (const { slot } of imageDisks(spec)) {
    const device = devices.find(({ qdev }) => qdev?.split('/').includes(deviceOf(slot)));
    if (device) chains[slot] = [...layersBelow(slot, device)];
  }
  return chains;
}

/** The second flash chip is a part of the machine, with a name of QEMU's own. */
function deviceOf(slot: string): string {
  return slot === variableStore ? 'system.flash1' : diskDevice(slot);
}

/** The node that a disk's device uses; block jobs want to know it. */
function rootNode(slot: string, top: number): string {
  return slot === variableStore ? layerNode(slot, top) : limitsNode(slot);
}

/** Filters, which have other names, are passed by. */
function* layersBelow(slot: string, top: BlockStats): Generator<number> {
  for (let stats: BlockStats | undefined = top; stats; stats = stats.backing) {
    const layer = layerOfNode(slot, stats['node-name'] ?? '');
    if (layer !== null) yield layer;
  }
}

/** Opens new, empty overlays, without putting them to use. */
export async function openOverlays(
  qmp: QmpClient,
  spec: MachineSpec,
  overlays: readonly { slot: string; image: ChainImage }[],
): Promise<void> {
  for (const { slot, image } of overlays) {
    const traits = spec.disks.find((disk) => disk.slot === slot) ?? plainTraits;
    for (const node of imageNodes(slot, image, { backing: null, readOnly: false, traits })) await qmp.execute('blockdev-add', node);
  }
}

/** Lets the guest's disks go on in the overlays, all at one instant. What was written before stays as it is from then on. */
export async function changeOver(qmp: QmpClient, overlays: readonly { slot: string; from: number; to: number }[]): Promise<void> {
  await qmp.execute('transaction', {
    actions: overlays.map(({ slot, from, to }) => ({
      type: 'blockdev-snapshot',
      data: { node: layerNode(slot, from), overlay: layerNode(slot, to) },
    })),
  });
}

/**
 * Merges the disk's image of one layer into the image below it, while the guest runs. Where it is the one that the
 * guest writes to, `onReady` is called when all is written but for the last moment; it has to send `complete`.
 */
export async function mergeLive(
  qmp: QmpClient,
  { slot, top, upper, lower }: { slot: string; top: number; upper: number; lower: number },
  options: { progress?: (fraction: number) => void; onReady: (complete: () => Promise<void>) => Promise<void> },
): Promise<void> {
  const id = `${jobPrefix}${layerNode(slot, upper)}`;
  const start = (): Promise<unknown> =>
    qmp.execute('block-commit', {
      'job-id': id,
      'device': rootNode(slot, top),
      'top-node': layerNode(slot, upper),
      'base-node': layerNode(slot, lower),
      'auto-dismiss': false,
    });
  const complete = async (): Promise<void> => void (await qmp.execute('job-complete', { id }));
  await runJob(qmp, id, start, {
    timeoutMs: jobTimeoutMs,
    ...(options.progress ? { progress: options.progress } : {}),
    onReady: () => options.onReady(complete),
  });
}

/** Ends merges that an earlier daemon began. */
export async function cancelMerges(qmp: QmpClient): Promise<void> {
  await cancelJobs(qmp, jobPrefix, 30_000);
}

/** Closes images that no disk has in use any more. */
export async function closeUnused(qmp: QmpClient, spec: MachineSpec): Promise<void> {
  const used = await liveLayers(qmp, spec);
  const names = (await qmp.execute('query-named-block-nodes', { flat: true })).map((node) => node['node-name'] ?? '');
  for (const { slot } of imageDisks(spec)) {
    if (!used[slot]) continue;
    const unused = (layer: number | null): boolean => layer !== null && layer !== 0 && used[slot]?.includes(layer) !== true;
    const nodes = names.filter((name) => unused(layerOfNode(slot, name)));
    const files = names.filter((name) => name.endsWith('-file') && unused(layerOfNode(slot, name.slice(0, -'-file'.length))));
    for (const node of [...nodes, ...files]) await qmp.execute('blockdev-del', { 'node-name': node });
  }
}
