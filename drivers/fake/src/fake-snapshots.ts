import type { SnapshotFacet } from '@nakhoda/driver';
import { matchesName, NakhodaError, type Snapshot, SnapshotName } from '@nakhoda/schema';

import type { FakeCore } from './fake-core.ts';
import { type FakeMachine, type FakeSnapshot, powerOff } from './fake-machine.ts';

/** A tree of copies of what a machine has on its disk and in its memory. */
export function fakeSnapshots(core: FakeCore): SnapshotFacet {
  const saved = (machine: FakeMachine): void => {
    core.machines.save();
    core.events.emit(machine.spec.vmid, 'snapshots');
  };

  return {
    async take(ctx, { vmid, name, description, memory }) {
      await core.enter('snapshots.take', ctx);
      const machine = core.machines.get(vmid);
      if (!matchesName(SnapshotName, name)) throw badName(name);
      if (machine.snapshots.some((snapshot) => snapshot.name === name)) {
        throw new NakhodaError('snapshot.name-taken', {
          message: `VM ${vmid} has a snapshot ${name} already.`,
          hint: 'Choose another name, or delete that snapshot first.',
        });
      }
      if (memory && !machine.memory) {
        throw new NakhodaError('snapshot.needs-running', {
          message: `VM ${vmid} is ${machine.state}, so it has no memory to keep.`,
          hint: 'Start the VM, or take the snapshot without memory.',
        });
      }
      machine.snapshots.push({
        name,
        parent: machine.currentSnapshot,
        description,
        createdAt: new Date().toISOString(),
        slots: machine.spec.disks.map(({ slot }) => slot),
        paths: machine.spec.disks.map(({ path }) => path),
        disk: structuredClone(machine.disk),
        memory: memory ? structuredClone(machine.memory) : null,
      });
      machine.currentSnapshot = name;
      saved(machine);
    },

    async list(ctx, { vmid }) {
      await core.enter('snapshots.list', ctx);
      const machine = core.machines.get(vmid);
      return machine.snapshots.map(({ name, parent, description, createdAt, slots, memory }): Snapshot => ({
        name,
        parent,
        description,
        createdAt,
        memory: memory !== null,
        current: name === machine.currentSnapshot,
        disks: slots,
      }));
    },

    async rollback(ctx, { vmid, name, spec }) {
      await core.enter('snapshots.rollback', ctx);
      const machine = core.machines.get(vmid);
      const snapshot = findSnapshot(machine, name);
      core.endRun(machine);
      powerOff(machine);
      if (spec) machine.spec = structuredClone(spec);
      machine.disk = structuredClone(snapshot.disk);
      machine.currentSnapshot = name;
      if (snapshot.memory) {
        machine.memory = structuredClone(snapshot.memory);
        machine.state = 'running';
        machine.startedAt = new Date().toISOString();
      }
      core.changed(machine);
      saved(machine);
    },

    async delete(ctx, { vmid, name }) {
      await core.enter('snapshots.delete', ctx);
      const machine = core.machines.get(vmid);
      const { parent } = findSnapshot(machine, name);
      machine.snapshots = machine.snapshots.filter((snapshot) => snapshot.name !== name);
      for (const snapshot of machine.snapshots) if (snapshot.parent === name) snapshot.parent = parent;
      if (machine.currentSnapshot === name) machine.currentSnapshot = parent;
      saved(machine);
    },
  };
}

/** @throws NakhodaError `snapshot.not-found` */
export function findSnapshot(machine: FakeMachine, name: string): FakeSnapshot {
  const snapshot = machine.snapshots.find((candidate) => candidate.name === name);
  if (snapshot) return snapshot;
  throw new NakhodaError('snapshot.not-found', {
    message: `VM ${machine.spec.vmid} has no snapshot ${JSON.stringify(name.slice(0, 40))}.`,
    hint: 'Look at the list of its snapshots for the right name.',
  });
}

function badName(name: string): NakhodaError {
  return new NakhodaError('request.invalid', {
    message: `${JSON.stringify(name.slice(0, 40))} cannot be a snapshot's name.`,
    hint: 'Use letters, digits, "-" and "_", beginning with a letter, at most 40.',
  });
}
