import type { SnapshotFacet } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';
import type { TaskKind } from '@nakhoda/tasks';

import type { Services } from '../services/context.ts';
import { refusePendingDisks } from '../services/snapshot-disks.ts';
import { refuseClonedSnapshot } from '../services/templates.ts';
import { dropSnapshotPlans, keepSnapshotPlan } from '../services/snapshot-plans.ts';
import { runningPlan } from '../services/vm-record.ts';
import type { VmInput } from './vm-power.ts';
import { requireRecord, requireState } from './vm-steps.ts';

export interface SnapshotInput extends VmInput {
  snapshot: string;
}

/** @throws NakhodaError `vm.unsupported` when the VM's hypervisor has no snapshots */
export function requireSnapshots(services: Services, vmid: number): SnapshotFacet {
  const { hypervisor } = requireRecord(services, vmid).spec;
  const facet = services.hypervisors.driver(hypervisor).snapshots;
  if (facet) return facet;
  throw new NakhodaError('vm.unsupported', {
    message: `${hypervisor} has no snapshots on this host.`,
    hint: '`nakhoda host check` tells what each hypervisor can do here.',
  });
}

const common = {
  target: ({ vmid }: VmInput) => `vm/${vmid}`,
  locks: ({ vmid }: VmInput) => [`vm/${vmid}`],
  initialState: () => ({}),
};

/** Takes a snapshot; a half-taken one is deleted again. */
export function snapshotTakeSaga(services: Services): TaskKind<SnapshotInput & { description: string; memory: boolean }, object, void> {
  return {
    ...common,
    kind: 'snapshot.take',
    title: ({ name, snapshot }) => `Take snapshot ${snapshot} of ${name}`,
    onCrash: 'unwind',
    steps: ({ vmid, snapshot, description, memory }) => [
      {
        name: 'look whether the name is free',
        do: async (ctx) => {
          const record = requireRecord(services, vmid);
          requireState(services, record, 'snapshot-take');
          refusePendingDisks(record);
          const present = await requireSnapshots(services, vmid).list(ctx, { vmid });
          if (present.some((other) => other.name === snapshot)) {
            throw new NakhodaError('snapshot.name-taken', {
              message: `The VM has a snapshot called ${snapshot} already.`,
              hint: 'Choose another name, or delete that one first.',
            });
          }
        },
      },
      {
        name: 'take the snapshot',
        weight: 8,
        do: async (ctx) => {
          const facet = requireSnapshots(services, vmid);
          const present = await facet.list(ctx, { vmid });
          // Nobody else can have taken it since the look before: the step was repeated.
          if (!present.some((other) => other.name === snapshot)) await facet.take(ctx, { vmid, name: snapshot, description, memory });
          await services.inventory.refresh(vmid);
        },
        undo: async (ctx) => {
          const facet = requireSnapshots(services, vmid);
          const present = await facet.list(ctx, { vmid });
          if (present.some((other) => other.name === snapshot)) await facet.delete(ctx, { vmid, name: snapshot });
          await services.inventory.refresh(vmid);
        },
      },
      {
        // Nobody else can have changed it since: the task holds the VM.
        name: 'keep with it what the VM is made of',
        do: async (ctx) => {
          const present = await requireSnapshots(services, vmid).list(ctx, { vmid });
          const taken = present.find((other) => other.name === snapshot);
          if (taken) await keepSnapshotPlan(services.store, taken, runningPlan(requireRecord(services, vmid)));
          await dropSnapshotPlans(services.store, vmid, present);
        },
        undo: async (ctx) => {
          const present = await requireSnapshots(services, vmid).list(ctx, { vmid });
          await dropSnapshotPlans(
            services.store,
            vmid,
            present.filter(({ name }) => name !== snapshot),
          );
        },
      },
    ],
  };
}

/** Deletes a snapshot; the VM keeps its present content. */
export function snapshotDeleteSaga(services: Services): TaskKind<SnapshotInput, object, void> {
  return {
    ...common,
    kind: 'snapshot.delete',
    title: ({ name, snapshot }) => `Delete snapshot ${snapshot} of ${name}`,
    onCrash: 'resume',
    steps: ({ vmid, snapshot }) => [
      {
        name: 'delete the snapshot',
        cancellable: false,
        do: async (ctx) => {
          const facet = requireSnapshots(services, vmid);
          const present = await facet.list(ctx, { vmid });
          refuseClonedSnapshot(requireRecord(services, vmid), snapshot, present, services.inventory.records());
          // Gone already: the step was repeated after a crash.
          if (present.some((other) => other.name === snapshot)) await facet.delete(ctx, { vmid, name: snapshot });
          await services.inventory.refresh(vmid);
        },
      },
      {
        name: 'forget what was kept with it',
        cancellable: false,
        do: async (ctx) => dropSnapshotPlans(services.store, vmid, await requireSnapshots(services, vmid).list(ctx, { vmid })),
      },
    ],
  };
}
