import { isDeepStrictEqual } from 'node:util';

import type { PendingChange, VmSpec } from '@nakhoda/schema';

import { shownCloudInit } from './cloud-init-settings.ts';
import type { VmPlan, VmRecord } from './vm-record.ts';

/** Fields that the guest's machine does not have: they are in force at once, and stay where the machine goes back to a snapshot. */
const notOfTheMachine: ReadonlySet<keyof VmSpec> = new Set<keyof VmSpec>([
  ...(['vmid', 'name', 'uuid', 'node', 'hypervisor', 'createdAt'] as const),
  ...([
    'autostart',
    'startOrder',
    'startDelaySeconds',
    'crashPolicy',
    'protection',
    'notes',
    'tags',
    'folder',
    'template',
    'linkedTo',
  ] as const),
]);

/** A VM with the hardware of another of its specs; what it is called, and how it is kept in order, stays. Pure. */
export function withHardwareOf(kept: VmSpec, hardware: VmSpec): VmSpec {
  const stays = Object.entries(kept).filter(([field]) => notOfTheMachine.has(field as keyof VmSpec));
  return { ...hardware, ...Object.fromEntries(stays) };
}

/** What differs between two specs in what the guest sees: one entry a field, and for disks and NICs one a field of each slot. Pure. */
export function machineChanges(running: VmSpec, wanted: VmSpec): PendingChange[] {
  return (Object.keys(wanted) as (keyof VmSpec)[]).flatMap((field) => {
    if (notOfTheMachine.has(field)) return [];
    if (field === 'disks' || field === 'nics') return deviceChanges(field, running[field], wanted[field]);
    if (field === 'cloudInit') return cloudInitChange(running.cloudInit, wanted.cloudInit);
    return isDeepStrictEqual(running[field], wanted[field]) ? [] : [{ field, running: running[field], wanted: wanted[field] }];
  });
}

/** Without the passwords' hashes, so a new password alone shows as no difference between the two. */
function cloudInitChange(running: VmSpec['cloudInit'], wanted: VmSpec['cloudInit']): PendingChange[] {
  if (isDeepStrictEqual(running, wanted)) return [];
  return [{ field: 'cloudInit', running: shownCloudInit(running), wanted: shownCloudInit(wanted) }];
}

function deviceChanges(list: string, running: readonly { slot: string }[], wanted: readonly { slot: string }[]): PendingChange[] {
  const slots = [...new Set([...running, ...wanted].map(({ slot }) => slot))].sort();
  return slots.flatMap((slot): PendingChange[] => {
    const before: Record<string, unknown> | undefined = running.find((device) => device.slot === slot);
    const after: Record<string, unknown> | undefined = wanted.find((device) => device.slot === slot);
    if (!before || !after) return [{ field: `${list}.${slot}`, running: before ?? null, wanted: after ?? null }];
    return Object.keys(after)
      .filter((field) => !isDeepStrictEqual(before[field], after[field]))
      .map((field) => ({ field: `${list}.${slot}.${field}`, running: before[field] ?? null, wanted: after[field] }));
  });
}

/** True when the machine as the hypervisor knows it would be another one: hardware, name, images or attachments. Pure. */
export function touchesMachine(before: VmPlan, after: VmPlan): boolean {
  return (
    before.spec.name !== after.spec.name ||
    before.cdromPath !== after.cdromPath ||
    !isDeepStrictEqual(before.attachments, after.attachments) ||
    machineChanges(before.spec, after.spec).length > 0
  );
}

/** What the next start of the VM will bring; nothing for one that does not run. Pure. */
export function pendingChanges(record: VmRecord, alive: boolean): PendingChange[] {
  const { active } = record;
  if (!alive || !active) return [];
  return machineChanges(active.spec, record.spec).map((change) => {
    const reason = reasonOf(change.field, active.reasons ?? {});
    return reason === undefined ? change : { ...change, reason };
  });
}

/** A driver tells the reason for a field, or for the whole device that has it. */
function reasonOf(field: string, reasons: Record<string, string>): string | undefined {
  const device = field.split('.').slice(0, 2).join('.');
  return reasons[field] ?? reasons[device];
}
