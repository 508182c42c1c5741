import type { MachineSpec } from '@nakhoda/driver';

import type { ObservedMachine } from './machine-file.ts';
import { looseNics } from './nic-plan.ts';

/**
 * What VirtualBox's settings have otherwise than the spec that this driver gave it, one sentence each: somebody used
 * VirtualBox's own tools. Looks at what a guest is made of: cores, memory, disks, CD image and NICs. Pure.
 */
export function outsideChanges(spec: MachineSpec, observed: ObservedMachine): string[] {
  const changes: string[] = [];
  const compare = (what: string, now: string, wanted: string): void => {
    if (now !== wanted) changes.push(`${what}: VirtualBox has ${now}, Nakhoda wants ${wanted}.`);
  };
  compare('cores', String(observed.cores), String(spec.cores * spec.sockets));
  compare('memory', `${observed.memoryMiB} MiB`, `${spec.memoryMiB} MiB`);
  const locations = (type: 'HardDisk' | 'DVD'): string[] =>
    observed.attachments.flatMap((attachment) => (attachment.type === type && attachment.baseLocation ? [attachment.baseLocation] : []));
  compare('disks', list(locations('HardDisk')), list(spec.disks.map(({ path }) => path)));
  // An image that another VM was given first is listed in that one's file alone (7.2.22); this one's does not tell which it is.
  const listedElsewhere = observed.attachments.some(({ mediumUuid, baseLocation }) => mediumUuid !== null && baseLocation === null);
  const further = (spec.found?.drives ?? []).filter(({ type, slot }) => type === 'DVD' && slot === null).map(({ path }) => path);
  const images = [spec.cdrom, spec.cloudInit, ...further].filter((path) => typeof path === 'string');
  if (!listedElsewhere) compare('CD image', list(locations('DVD')), list(images));
  compare(
    'NICs',
    list(observed.nics.map(({ number, mac }) => `net${number} ${mac}`)),
    list([...spec.nics, ...looseNics(spec.nics, spec.found)].map(({ slot, mac }) => `${slot} ${mac.toLowerCase()}`)),
  );
  return changes;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.toSorted().join(', ');
}
