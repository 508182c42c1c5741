import type { DriverContext, MachineSpec, SnapshotFacet } from '@nakhoda/driver';

import type { Environment } from './environment.ts';
import type { Machine } from './machine.ts';
import { notFoundError } from './snapshot-errors.ts';
import { heal, reduce } from './snapshot-layers.ts';
import { rollBack } from './snapshot-rollback.ts';
import { readSnapshots, refuseFormerSnapshots, writeSnapshots } from './snapshot-store.ts';
import { takeSnapshot } from './snapshot-take.ts';
import { findReady, remove, toSnapshots } from './snapshot-tree.ts';

/**
 * Snapshots as layers: each disk is a chain of images, and a snapshot is the point from which on the VM writes to new
 * ones. Memory is in a file beside them. What there is, is in `snapshots.json`.
 */
export function createSnapshotFacet(
  environment: Environment,
  { find, checkSpec }: { find: (vmid: number) => Promise<Machine>; checkSpec: (spec: MachineSpec) => Promise<void> },
): SnapshotFacet {
  /** Its layer is merged into another where one child is left, and waits, out of sight, where there are several. */
  async function deleteSnapshot(ctx: DriverContext, machine: Machine, name: string): Promise<void> {
    const store = await readSnapshots(machine.spec);
    if (!findReady(store, name)) throw notFoundError(machine.spec.name);
    await writeSnapshots(machine.spec, remove(store, name));
    await reduce(environment, machine, { merge: true, log: ctx.log, progress: ctx.progress });
  }

  /** One change of the snapshots, on a VM whose records are in order. */
  async function change(ctx: DriverContext, vmid: number, verb: string, work: (machine: Machine) => Promise<void>): Promise<void> {
    const machine = await find(vmid);
    await machine.turns.run(async () => {
      const activity = { state: 'paused', reason: `A snapshot is being ${verb}.` } as const;
      machine.activity = machine.alive ? activity : null;
      try {
        await refuseFormerSnapshots(machine.spec);
        await heal(environment, machine, { merge: true, log: ctx.log });
        await work(machine);
      } finally {
        if (machine.activity === activity) machine.activity = null;
        machine.emit('snapshots');
        machine.emit('state');
      }
    });
  }

  return {
    take: (ctx, options) => change(ctx, options.vmid, 'taken', (machine) => takeSnapshot(environment, ctx, machine, options)),
    async rollback(ctx, { vmid, name, spec }) {
      if (spec) await checkSpec(spec);
      await change(ctx, vmid, 'restored', (machine) => rollBack(environment, ctx, machine, { name, then: spec }));
    },
    delete: (ctx, { vmid, name }) => change(ctx, vmid, 'deleted', (machine) => deleteSnapshot(ctx, machine, name)),
    async list(_ctx, { vmid }) {
      return toSnapshots(await readSnapshots((await find(vmid)).spec));
    },
  };
}
