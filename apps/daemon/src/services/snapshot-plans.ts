import type { Capabilities, Snapshot } from '@nakhoda/schema';
import type { Store, StoreOperation } from '@nakhoda/store';

import { completePlan, type VmPlan } from './vm-record.ts';

/** What the store keeps beside a snapshot under `vm-snapshots/<vmid>/<name>`: what the VM was made of when it was taken. */
interface StoredPlan extends VmPlan {
  /** As the driver tells it of the snapshot. Another one means another snapshot of that name, taken with other tools. */
  createdAt: string;
}

const prefixOf = (vmid: number): string => `vm-snapshots/${String(vmid).padStart(9, '0')}/`;

/** The plan is of what ran, or would have at a start: what was pending then is no part of the snapshot. */
export async function keepSnapshotPlan(store: Store, { name, createdAt }: Snapshot, plan: VmPlan): Promise<void> {
  const { spec, attachments, cdromPath } = plan;
  const value: StoredPlan = { spec, attachments, cdromPath, createdAt };
  await store.put(prefixOf(spec.vmid) + name, value);
}

/** What a VM was made of at a snapshot; null for one from before this was kept, or that other tools took. */
export async function snapshotPlan(
  store: Store,
  { vmid, snapshot, capabilities }: { vmid: number; snapshot: Snapshot; capabilities: Capabilities },
): Promise<VmPlan | null> {
  const stored = (await store.get(prefixOf(vmid) + snapshot.name))?.value as StoredPlan | undefined;
  if (stored?.createdAt !== snapshot.createdAt) return null;
  const { createdAt: _createdAt, ...plan } = stored;
  return completePlan(plan, capabilities);
}

/** The slots of disks that a VM had at its snapshots: one that went is not given to another disk. */
export async function snapshotSlots(store: Store, vmid: number): Promise<ReadonlySet<string>> {
  const plans = (await store.list(prefixOf(vmid))).map(({ value }) => value as StoredPlan);
  return new Set(plans.flatMap(({ spec }) => spec.disks.map(({ slot }) => slot)));
}

/** The volumes of the disks that a VM had at its snapshots, by the snapshots' names. Of one that other tools deleted they may be there still. */
export async function snapshotVolumes(store: Store, vmid: number): Promise<ReadonlyMap<string, readonly string[]>> {
  const plans = await store.list(prefixOf(vmid));
  return new Map(
    plans.map(({ key, value }) => [key.slice(prefixOf(vmid).length), (value as StoredPlan).spec.disks.map(({ volume }) => volume)]),
  );
}

/** Forgets the plans of snapshots that are there no more, whoever deleted them. Idempotent. */
export async function dropSnapshotPlans(store: Store, vmid: number, present: readonly Snapshot[]): Promise<void> {
  const kept = new Set(present.map(({ name }) => prefixOf(vmid) + name));
  for (const { key } of await store.list(prefixOf(vmid))) if (!kept.has(key)) await store.delete(key);
}

/** What forgets all plans of a VM's snapshots, to be done with what forgets the VM. */
export async function forgetSnapshotPlans(store: Store, vmid: number): Promise<StoreOperation[]> {
  return (await store.list(prefixOf(vmid))).map(({ key }) => ({ op: 'delete', key }));
}
