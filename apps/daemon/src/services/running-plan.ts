import { isDeepStrictEqual } from 'node:util';

import type { VmSpec } from '@nakhoda/schema';

import { touchesMachine } from './pending-changes.ts';
import { planOf } from './vm-change.ts';
import type { ActivePlan, VmPlan } from './vm-record.ts';

/** What a driver could not change in a running VM. */
export interface Refusal {
  /** As in the driver's contract: `memoryMiB`, `disks.disk1`, `disks.disk1.sizeBytes`, `nics.net0.linkUp`. */
  field: string;
  reason: string;
}

/** A driver's names for what the API calls otherwise. */
const apiNames: Readonly<Record<string, string>> = { sizeBytes: 'sizeGiB', attachment: 'network', path: 'volume' };

/**
 * The plan that a run has after it was asked to change: the wanted one, but for what the driver could not do.
 * Undefined when it is the wanted one. Pure.
 * @param running what the run had before
 */
export function planAfterChange(running: VmPlan, wanted: VmPlan, refusals: readonly Refusal[]): ActivePlan | undefined {
  const reasons = Object.fromEntries(refusals.map(({ field, reason }) => [apiField(field), reason]));
  const refused = new Set(Object.keys(reasons));
  const kept = Object.fromEntries(
    (Object.keys(running.spec) as (keyof VmSpec)[]).filter((field) => refused.has(field)).map((field) => [field, running.spec[field]]),
  );
  const spec: VmSpec = {
    ...wanted.spec,
    ...kept,
    disks: devicesAfterChange('disks', running.spec.disks, wanted.spec.disks, refused),
    nics: devicesAfterChange('nics', running.spec.nics, wanted.spec.nics, refused),
  };
  const attachmentOf = (slot: string, network: string) => {
    const before = running.spec.nics.find((nic) => nic.slot === slot);
    const isFormer = before?.network === network && !wanted.spec.nics.some((nic) => nic.slot === slot && nic.network === network);
    return (isFormer || refused.has('nics') || refused.has(`nics.${slot}`) ? running : wanted).attachments[slot];
  };
  const attachments = Object.fromEntries(
    spec.nics.flatMap(({ slot, network }) => {
      const attachment = attachmentOf(slot, network);
      return attachment ? [[slot, attachment]] : [];
    }),
  );
  const after: VmPlan = { spec, attachments, cdromPath: refused.has('cdrom') ? running.cdromPath : wanted.cdromPath };
  if (!touchesMachine(after, wanted)) return undefined;
  return { ...planOf(after), ...(Object.keys(reasons).length > 0 ? { reasons } : {}) };
}

function apiField(field: string): string {
  const parts = field.split('.');
  const last = parts.at(-1) ?? '';
  return [...parts.slice(0, -1), parts.length === 3 ? (apiNames[last] ?? last) : last].join('.');
}

/** Device by device in the order of the wanted list, those that could not go last. */
function devicesAfterChange<Device extends { slot: string }>(
  list: 'disks' | 'nics',
  running: readonly Device[],
  wanted: readonly Device[],
  refused: ReadonlySet<string>,
): Device[] {
  const slots = [...new Set([...wanted, ...running].map(({ slot }) => slot))];
  return slots.flatMap((slot) => {
    const before = running.find((device) => device.slot === slot);
    const after = wanted.find((device) => device.slot === slot);
    if (refused.has(list) || refused.has(`${list}.${slot}`)) return before ? [before] : [];
    if (!before || !after || isDeepStrictEqual(before, after)) return after ? [after] : [];
    const kept = Object.entries(before).filter(([field]) => refused.has(`${list}.${slot}.${field}`));
    return [{ ...after, ...Object.fromEntries(kept) }];
  });
}
