import { isDeepStrictEqual } from 'node:util';

import type { MachineDisk, MachineNic, MachineSpec } from '@nakhoda/driver';
import type { FoundMachine } from '@nakhoda/schema';

import type { DefinitionStep } from './definition-plan.ts';
import { executionCap } from './hardware-plan.ts';
import type { ObservedMachine } from './machine-file.ts';
import { hasCable } from './nic-plan.ts';
import { attachStep, cdPlaceOf, createImageStep, detachStep, planDisk } from './storage-plan.ts';
import { kindsIn, samePlace, slotNumber } from './storage-places.ts';

/** A part of a change that is done as a whole or not at all. */
export interface ChangeUnit {
  /** In the words of the API's `pending`. */
  field: string;
  steps: DefinitionStep[];
  /** What takes the steps back when one of them is refused; each may be refused itself. */
  undo: DefinitionStep[];
  /** The machine's record when it is done. */
  record(spec: MachineSpec): MachineSpec;
}

/** A part of a change that waits for the next start. */
export interface Pending {
  field: string;
  reason: string;
}

export interface ChangePlan {
  units: ChangeUnit[];
  pending: Pending[];
}

const notWhileRunning = 'VirtualBox changes this of a stopped VM only.';

/** Why a field has to wait, where there is more to say than {@link notWhileRunning}. */
const reasons: Record<string, string> = {
  cores: 'VirtualBox plugs processors only into a VM that was started for that, and Nakhoda starts none so.',
  memoryMiB: 'VirtualBox cannot change the memory of a running VM.',
  sizeBytes: 'VirtualBox grows the disks of stopped VMs only.',
  mbpsLimit: 'VirtualBox changes the limit of a running disk only when it was started with one.',
};

const waits = (field: string): Pending => ({ field, reason: reasons[field.split('.').at(-1) ?? ''] ?? notWhileRunning });

/** Fields of the spec that are planned here one by one; `cpuLimit` alone takes effect while the guest runs. */
const special = new Set<keyof MachineSpec>(['cdrom', 'disks', 'nics', 'cpuLimit']);

/**
 * How a running machine gets as near to the wanted spec as VirtualBox lets it. Pure.
 * @param running what the machine was recorded to be
 */
export function planChange(
  running: MachineSpec,
  wanted: MachineSpec,
  facts: {
    observed: ObservedMachine | null;
    existingImages: ReadonlyMap<string, number | null>;
    /** Of a linked clone: the images in which its disks are written to, by the disks' paths. */
    linkedImages?: ReadonlyMap<string, string>;
    /** Paths of the running disks that snapshots have. */
    held: ReadonlySet<string>;
  },
): ChangePlan {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(running)])] as (keyof MachineSpec)[];
  const fields = names.filter((field) => !special.has(field) && !isDeepStrictEqual(running[field], wanted[field]));
  const plans = [
    { units: [], pending: fields.map(waits) },
    cdPlan(running, wanted, facts.observed),
    ...pairs(running.disks, wanted.disks).map(([before, after]) => diskPlan(wanted.uuid, before, after, { ...facts, found: wanted.found })),
    ...pairs(running.nics, wanted.nics).map(([before, after]) => nicPlan(wanted.uuid, before, after)),
    capPlan(running, wanted),
  ];
  return { units: plans.flatMap(({ units }) => units), pending: plans.flatMap(({ pending }) => pending) };
}

/** Devices by slot, before and after. */
function pairs<Device extends { slot: string }>(
  running: readonly Device[],
  wanted: readonly Device[],
): [Device | undefined, Device | undefined][] {
  const find = (devices: readonly Device[], slot: string): Device | undefined => devices.find((device) => device.slot === slot);
  const slots = [...new Set([...running, ...wanted].map(({ slot }) => slot))];
  return slots.map((slot) => [find(running, slot), find(wanted, slot)]);
}

function done(field: string, steps: DefinitionStep[], record: ChangeUnit['record'], undo: DefinitionStep[] = []): ChangePlan {
  return { units: [{ field, steps, undo, record }], pending: [] };
}

function refused(field: string, reason: string): ChangePlan {
  return { units: [], pending: [{ field, reason }] };
}

const nothing: ChangePlan = { units: [], pending: [] };

function cdPlan(running: MachineSpec, wanted: MachineSpec, observed: ObservedMachine | null): ChangePlan {
  const { uuid, cdrom } = wanted;
  const cdPlace = cdPlaceOf(wanted);
  if (cdPlace === null) return nothing;
  const inDrive = observed?.attachments.find((found) => samePlace(found, cdPlace))?.baseLocation;
  if (running.cdrom === cdrom && (inDrive === undefined || inDrive === cdrom)) return nothing;
  const at = ['--storagectl', cdPlace.controller, '--port', String(cdPlace.port), '--device', String(cdPlace.device)];
  // A guest that has the CD mounted keeps the drive locked.
  const args = ['storageattach', uuid, ...at, '--type', 'dvddrive', '--medium', cdrom ?? 'emptydrive', '--forceunmount'];
  return done('cdrom', [{ args, media: true }], (spec) => ({ ...spec, cdrom }));
}

function capPlan(running: MachineSpec, wanted: MachineSpec): ChangePlan {
  const { cpuLimit } = wanted;
  if (running.cpuLimit === cpuLimit) return nothing;
  // The cap is for each of the cores that it has now.
  const cap = executionCap({ cpuLimit, cores: running.cores });
  const args = ['controlvm', wanted.uuid, 'cpuexecutioncap', String(cap)];
  return done('cpuLimit', [{ args, media: false }], (spec) => ({ ...spec, cpuLimit }));
}

type DiskFacts = Parameters<typeof planChange>[2] & { found: FoundMachine | undefined };

function diskPlan(uuid: string, before: MachineDisk | undefined, after: MachineDisk | undefined, facts: DiskFacts): ChangePlan {
  if (before && after) return diskFieldsPlan(uuid, before, after, facts.observed);
  if (after) return newDiskPlan(uuid, after, facts);
  if (!before) return nothing;
  const field = `disks.${before.slot}`;
  const { place } = planDisk(before, facts.found);
  const found = facts.observed?.attachments.find((attachment) => samePlace(attachment, place));
  const without: ChangeUnit['record'] = (spec) => ({ ...spec, disks: spec.disks.filter(({ slot }) => slot !== before.slot) });
  if (!found) return done(field, [], without);
  if (facts.held.has(before.path)) {
    return refused(field, 'A snapshot has it, and VirtualBox lets no such disk go.');
  }
  if (!found.hotpluggable) {
    return refused(field, `VirtualBox takes only disks on sata away from a running VM, and ${before.slot} is on ${before.bus}.`);
  }
  return done(field, [detachStep(uuid, place)], without);
}

function newDiskPlan(uuid: string, disk: MachineDisk, { observed, existingImages, linkedImages, found }: DiskFacts): ChangePlan {
  const field = `disks.${disk.slot}`;
  const drive = planDisk(disk, found);
  if (disk.bus !== 'sata')
    return refused(field, `VirtualBox adds only disks on sata to a running VM, and ${disk.slot} is to be on ${disk.bus}.`);
  const controller = observed?.controllers.find(({ name }) => kindsIn(found).some((kind) => kind.type === 'AHCI' && kind.name === name));
  if (!controller || controller.ports <= drive.place.port) {
    return refused(field, 'The VM was started without a SATA controller that has room for it; VirtualBox adds none to a running VM.');
  }
  const path = linkedImages?.get(disk.path) ?? disk.path;
  const asItComes = { ...drive, path, discard: false, nonrotational: false, hotpluggable: false, bandwidthGroup: null };
  const attached = observed?.attachments.some((present) => samePlace(present, drive.place) && present.baseLocation === disk.path);
  const steps = [...(existingImages.has(disk.path) ? [] : [createImageStep(disk)]), ...(attached ? [] : [attachStep(uuid, asItComes)])];
  // VirtualBox sets these on drives of stopped VMs only, and reads at a start whether flushes are passed on.
  const plugged: MachineDisk = { ...disk, ssd: false, mbpsLimit: 0, cache: controller.hostIoCache ? 'unsafe' : disk.cache };
  const pending = (['cache', 'ssd', 'mbpsLimit'] as const)
    .filter((name) => disk[name] !== plugged[name])
    .map((name) => ({ field: `${field}.${name}`, reason: 'VirtualBox gives this to a disk at the next start only.' }));
  const record: ChangeUnit['record'] = (spec) => ({ ...spec, disks: [...spec.disks, plugged] });
  return { units: [{ field, steps, undo: [detachStep(uuid, drive.place)], record }], pending };
}

function diskFieldsPlan(uuid: string, before: MachineDisk, after: MachineDisk, observed: ObservedMachine | null): ChangePlan {
  const fields = (Object.keys(after) as (keyof MachineDisk)[]).filter((name) => before[name] !== after[name]);
  const plans = fields.map((name): ChangePlan => {
    const field = `disks.${after.slot}.${name}`;
    const group = observed?.bandwidthGroups.find((candidate) => candidate.name === after.slot);
    if (name !== 'mbpsLimit' || !group || before.mbpsLimit === 0) return { units: [], pending: [waits(field)] };
    // A limit of 0 is none.
    const args = ['bandwidthctl', uuid, 'set', after.slot, '--limit', after.mbpsLimit === 0 ? '0' : `${after.mbpsLimit * 8}m`];
    return done(field, [{ args, media: false }], changeDevice('disks', after.slot, { mbpsLimit: after.mbpsLimit }));
  });
  return { units: plans.flatMap(({ units }) => units), pending: plans.flatMap(({ pending }) => pending) };
}

function nicPlan(uuid: string, before: MachineNic | undefined, after: MachineNic | undefined): ChangePlan {
  if (!before || !after) {
    const slot = (before ?? after)?.slot ?? '';
    return { units: [], pending: [{ field: `nics.${slot}`, reason: 'VirtualBox adds and removes NICs of stopped VMs only.' }] };
  }
  const { slot, attachment, linkUp } = after;
  const pending = (['model', 'mac'] as const).filter((name) => before[name] !== after[name]).map((name) => waits(`nics.${slot}.${name}`));
  const other = !isDeepStrictEqual(before.attachment, attachment);
  if (!other && before.linkUp === linkUp) return { units: [], pending };
  const number = slotNumber(slot) + 1;
  const control = (...args: string[]): DefinitionStep => ({ args: ['controlvm', uuid, ...args], media: false });
  const link = (nic: MachineNic): DefinitionStep => control(`setlinkstate${number}`, hasCable(nic) ? 'on' : 'off');
  const steps = [...(other ? attachmentSteps(after, number, control) : []), link(after)];
  const undo = [...(other ? attachmentSteps(before, number, control) : []), link(before)];
  const field = other ? `nics.${slot}.attachment` : `nics.${slot}.linkUp`;
  return { units: [{ field, steps, undo, record: changeDevice('nics', slot, { attachment, linkUp }) }], pending };
}

function attachmentSteps({ attachment }: MachineNic, number: number, control: (...args: string[]) => DefinitionStep): DefinitionStep[] {
  switch (attachment.kind) {
    case 'udp-tunnel': {
      const properties = ['dest=127.0.0.1', `sport=${attachment.localPort}`, `dport=${attachment.peerPort}`];
      // VirtualBox binds the port when it ties the NIC to the tunnel, so the ports come first.
      return [...properties.map((property) => control(`nicproperty${number}`, property)), control(`nic${number}`, 'generic', 'UDPTunnel')];
    }
    case 'bridged':
      return [control(`nic${number}`, 'bridged', attachment.interface)];
    case 'none':
    case 'tap':
      return [control(`nic${number}`, 'null')];
  }
}

function changeDevice(list: 'disks' | 'nics', slot: string, change: object): ChangeUnit['record'] {
  return (spec) => ({ ...spec, [list]: spec[list].map((device) => (device.slot === slot ? { ...device, ...change } : device)) });
}
