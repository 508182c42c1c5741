import type { NicAttachment } from '@nakhoda/driver';
import { NakhodaError, type PendingChange, type VmSpec } from '@nakhoda/schema';

import { machineChanges, withHardwareOf } from './pending-changes.ts';
import { imageFile, runningPlan, type VmPlan, type VmRecord } from './vm-record.ts';

/** What the planner of a rollback has to know; all of it observed before. */
export interface RollbackFacts {
  snapshot: { name: string; memory: boolean };
  /** Names of the networks that there are. */
  networks: ReadonlySet<string>;
  /** MAC addresses of the other VMs. */
  takenMacs: ReadonlySet<string>;
  /** Whether the CD image of the snapshot's day is there still. */
  cdThere: boolean;
  /** Names of what is in the VM's folder. A disk that waited for the next start has no image yet. */
  files: ReadonlySet<string>;
}

/** What a VM is to be made of after a rollback. */
export interface RollbackPlan {
  spec: VmSpec;
  cdromPath: string | null;
  /** Attachments that NICs keep, by slot: how a NIC reaches its network is a matter of the host, not of the snapshot. */
  kept: Record<string, NicAttachment>;
  /** What goes back, against what is wanted now. */
  changes: PendingChange[];
  /** File names of images in the VM's folder that stay there, and that the VM does not have any more. */
  unused: string[];
  /** Whole sentences on what does not come back as it was. */
  notes: string[];
}

/**
 * What becomes of a VM's record when it goes back to a snapshot: the hardware is that of the snapshot's day, what the
 * VM is called and how it is kept in order stays. Pure.
 * @param then the VM's plan when the snapshot was taken
 * @throws NakhodaError `network.not-found`, `vm.mac-taken`, `storage.volume-not-found` where the machine of that day cannot be
 */
export function planRollback(record: VmRecord, then: VmPlan, facts: RollbackFacts): RollbackPlan {
  const spec = withHardwareOf(record.spec, then.spec);
  refuseLostNetworks(spec, facts);
  refuseTakenMacs(spec, facts);
  const notes: string[] = [];
  let { cdromPath } = then;
  if (cdromPath !== null && !facts.cdThere) {
    refuseLostCd(spec, cdromPath, facts);
    notes.push(`The CD image ${spec.cdrom ?? cdromPath} is gone, so the drive comes back empty.`);
    spec.cdrom = null;
    cdromPath = null;
  }
  const unused = unusedImages(record, spec).filter((file) => facts.files.has(file));
  notes.push(...unused.map((file) => `${file} came after the snapshot: the VM has it no more, and it stays in the VM's folder.`));
  return { spec, cdromPath, kept: keptAttachments(record, spec), changes: machineChanges(record.spec, spec), unused, notes };
}

function refuseLostNetworks({ name, nics }: VmSpec, { networks, snapshot }: RollbackFacts): void {
  const lost = nics.find(({ network }) => !networks.has(network));
  if (!lost) return;
  throw new NakhodaError('network.not-found', {
    message: `${name} had ${lost.slot} on the network ${lost.network} at the snapshot ${snapshot.name}, and that network is gone.`,
    hint: `Make it again, then roll back: nakhoda network create ${lost.network} --cidr 10.77.0.0/24 --dhcp`,
  });
}

/** A guest's memory knows its NIC by the address, so it cannot get another. */
function refuseTakenMacs({ name, nics }: VmSpec, { takenMacs, snapshot }: RollbackFacts): void {
  const doubled = nics.find(({ mac }) => takenMacs.has(mac));
  if (!doubled) return;
  throw new NakhodaError('vm.mac-taken', {
    message: `${name} had ${doubled.slot} with the MAC address ${doubled.mac} at the snapshot ${snapshot.name}, and another VM has that address now.`,
    hint: 'Remove the NIC of the other VM (nakhoda nic list VM, nakhoda nic remove VM SLOT), then roll back.',
  });
}

/** A guest that goes on from its memory has the CD in use. */
function refuseLostCd({ name, cdrom }: VmSpec, path: string, { snapshot }: RollbackFacts): void {
  if (!snapshot.memory) return;
  throw new NakhodaError('storage.volume-not-found', {
    message: `${name} had the CD image ${cdrom ?? path} in its drive at the snapshot ${snapshot.name}, whose memory goes on with it, and that image is gone.`,
    hint: `Put it back as ${path}, then roll back.`,
  });
}

/** Those that are to be deleted anyway are not among them. */
function unusedImages({ spec, active, discarded = [] }: VmRecord, after: VmSpec): string[] {
  const used = new Set([...after.disks.map(({ volume }) => imageFile(volume)), ...discarded]);
  const present = [...spec.disks, ...(active?.spec.disks ?? [])].map(({ volume }) => imageFile(volume));
  return [...new Set(present)].filter((file) => !used.has(file));
}

function keptAttachments(record: VmRecord, after: VmSpec): Record<string, NicAttachment> {
  const kept = [runningPlan(record), record].flatMap(({ spec, attachments }) =>
    spec.nics.flatMap(({ slot, network }): [string, NicAttachment][] => {
      const attachment = attachments[slot];
      return attachment && after.nics.some((nic) => nic.slot === slot && nic.network === network) ? [[slot, attachment]] : [];
    }),
  );
  return Object.fromEntries(kept);
}
