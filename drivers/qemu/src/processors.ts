import { NakhodaError } from '@nakhoda/schema';

import type { HotpluggableCpu } from './qmp/commands.ts';
import type { QmpClient } from './qmp/qmp-client.ts';
import { type Release, unplug } from './unplug.ts';

/** What has to come and to go so that a VM has so many processors. */
export interface ProcessorPlan {
  /** Places to fill, with the id of the new device. */
  add: { id: string; type: string; props: Record<string, number> }[];
  /** Ids of devices that go, the last first. */
  remove: string[];
  /** How many are missing places, or cannot go because the VM was started with them. */
  impossible: number;
}

/** Pure. QEMU lists places in no certain order; processors are taken in by their number, and away from the last. */
export function planProcessors(places: readonly HotpluggableCpu[], wanted: number): ProcessorPlan {
  const sorted = places.toSorted((a, b) => (a.props['core-id'] ?? 0) - (b.props['core-id'] ?? 0));
  const taken = sorted.filter((place) => place['qom-path'] !== undefined);
  const missing = wanted - taken.length;
  if (missing >= 0) {
    const free = sorted.filter((place) => place['qom-path'] === undefined).slice(0, missing);
    const add = free.map(({ type, props }) => ({ id: `cpu${props['core-id'] ?? 0}`, type, props }));
    return { add, remove: [], impossible: missing - free.length };
  }
  const ids = taken.slice(missing).map((place) => /^\/machine\/peripheral\/(cpu\d+)$/.exec(place['qom-path'] ?? '')?.[1]);
  const remove = ids.filter((id) => id !== undefined).toReversed();
  return { add: [], remove, impossible: ids.length - remove.length };
}

/** Gives a running VM so many processors, or leaves it as it was. @throws NakhodaError */
export async function setProcessors(qmp: QmpClient, wanted: number, release: Release): Promise<void> {
  const places = await qmp.execute('query-hotpluggable-cpus', {});
  const { add, remove, impossible } = planProcessors(places, wanted);
  if (impossible > 0) {
    throw new NakhodaError('hypervisor.failed', {
      message:
        add.length > 0
          ? 'The VM was started without room for so many processors.'
          : 'Processors that the VM was started with cannot be taken from it while it runs.',
      hint: 'The change comes with the next start.',
    });
  }
  const added: string[] = [];
  const removed: string[] = [];
  try {
    for (const { id, type, props } of add) {
      await qmp.execute('device_add', { driver: type, id, ...props });
      added.push(id);
    }
    for (const id of remove) {
      await unplug(qmp, id, release);
      removed.push(id);
    }
  } catch (error) {
    for (const id of added.toReversed()) await unplug(qmp, id, { ...release, signal: new AbortController().signal }).catch(() => undefined);
    for (const id of removed.toReversed()) {
      const place = places.find((one) => one['qom-path'] === `/machine/peripheral/${id}`);
      if (place) await qmp.execute('device_add', { driver: place.type, id, ...place.props }).catch(() => undefined);
    }
    throw error;
  }
}
