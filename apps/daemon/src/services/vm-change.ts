import type { VmSet, VmSpec } from '@nakhoda/schema';
import { NakhodaError } from '@nakhoda/schema';

import { planCloudInitSettings, withoutCloudInit } from './cloud-init-settings.ts';
import { withHardwareOf } from './pending-changes.ts';
import { imageFile, type VmPlan, type VmRecord } from './vm-record.ts';

/** What the planner of a change has to know; all of it observed before. */
export interface ChangeFacts {
  /** Lower case names of the other VMs. */
  takenNames: ReadonlySet<string>;
  /** Path of the image that the request's `cdrom` names; null for an empty drive, and where it names none. */
  cdromPath: string | null;
  hostMemoryMiB: number;
  /** Of the request's `ciPassword`; null for an empty one, and where it names none. */
  passwordHash?: string | null;
}

/**
 * A VM's plan as a request wants it: what the request does not name stays. Pure.
 * @throws NakhodaError `vm.name-taken`, `vm.spec-invalid`
 */
export function planVmSet({ spec, attachments, cdromPath }: VmRecord, request: VmSet, facts: ChangeFacts): VmPlan {
  const { name, cdrom, ...fields } = withoutCloudInit(request);
  if (name !== undefined && facts.takenNames.has(name.toLowerCase())) {
    throw new NakhodaError('vm.name-taken', {
      message: `A VM called ${name} exists already.`,
      hint: 'Choose another name. `nakhoda vm list` shows all of them.',
    });
  }
  if (fields.memoryMiB !== undefined && fields.memoryMiB > facts.hostMemoryMiB) {
    throw new NakhodaError('vm.spec-invalid', {
      message: `${fields.memoryMiB} MiB are more memory than this host has: ${facts.hostMemoryMiB} MiB.`,
      hint: 'Choose less --memory.',
    });
  }
  const wanted: VmSpec = {
    ...spec,
    ...fields,
    ...(name === undefined ? {} : { name }),
    ...(cdrom === undefined ? {} : { cdrom: cdrom === 'none' ? null : cdrom }),
    cloudInit: planCloudInitSettings(spec.cloudInit, request, facts.passwordHash ?? null),
    ...(fields.tags === undefined ? {} : { tags: [...new Set(fields.tags)].sort() }),
  };
  return { spec: wanted, attachments, cdromPath: cdrom === undefined ? cdromPath : facts.cdromPath };
}

/**
 * The record of a VM whose plan changes: while it runs, what it was started with is kept beside it. Pure.
 * @param alive whether a run with the present plan goes on
 */
export function changedRecord(record: VmRecord, plan: VmPlan, options: { alive: boolean; touches: boolean }): VmRecord {
  const active = record.active ?? (options.touches ? planOf(record) : undefined);
  return {
    ...planOf(plan),
    ...(options.alive && active ? { active } : {}),
    ...(record.discarded ? { discarded: record.discarded } : {}),
  };
}

/** A record's plan alone. Pure. */
export function planOf({ spec, attachments, cdromPath }: VmPlan): VmPlan {
  return { spec, attachments, cdromPath };
}

/** The record with its pending changes taken back; what is in force at once, such as notes, stays. Pure. */
export function revertedRecord(record: VmRecord): VmRecord {
  const { active, discarded = [] } = record;
  if (!active) return record;
  const used = new Set(active.spec.disks.map(({ volume }) => imageFile(volume)));
  const left = discarded.filter((file) => !used.has(file));
  return {
    ...planOf(active),
    ...(left.length > 0 ? { discarded: left } : {}),
    // The hypervisor knows it under its former name until the next start.
    ...(record.spec.name === active.spec.name ? {} : { active }),
    spec: withHardwareOf(record.spec, active.spec),
  };
}
