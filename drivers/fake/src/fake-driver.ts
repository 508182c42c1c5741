import { existsSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

import {
  type Driver,
  type GuestFacet,
  type MachineNic,
  type MachineSpec,
  type SerialFacet,
  type SnapshotFacet,
  specProblems,
} from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import { fakeCapabilities } from './fake-capabilities.ts';
import { fakeClone } from './fake-clone.ts';
import { FakeCore } from './fake-core.ts';
import { fakeKeyboard, fakeScreen, fakeVnc } from './fake-display.ts';
import { deleteDisks, fakeImageSize, makeDisks } from './fake-disks.ts';
import { FakeFaults } from './fake-faults.ts';
import { exampleAddress, fakeGuest } from './fake-guest.ts';
import { fakeHotplug } from './fake-hotplug.ts';
import { fakeExecution, newMachine, statusOf } from './fake-machine.ts';
import { fakeCrashes, fakePause, fakeReset, fakeSuspend } from './fake-power.ts';
import { refuseSnapshotDisks, refuseSnapshotImage } from './fake-snapshot-disks.ts';
import { fakeSnapshots } from './fake-snapshots.ts';
import type { GuestCommand } from './guest/guest-shell.ts';

export interface FakeDriverOptions {
  /** What every call takes, in milliseconds. Default 0. */
  latencyMs?: number;
  /** A JSON file that the machines are kept in, so that another instance finds them as guests that outlived the daemon. */
  persistPath?: string;
  /** What is to go wrong; the test keeps it and changes it as it goes. */
  faults?: FakeFaults;
  /** Programs of the guest, besides or instead of those that it has. */
  commands?: Readonly<Record<string, GuestCommand>>;
  /** A NIC's address, or null for none. Default: one of 192.0.2.0/24 from its MAC. */
  addressOf?: (nic: MachineNic) => string | null;
}

export interface FakeDriver extends Driver {
  readonly snapshots: SnapshotFacet;
  readonly serial: SerialFacet;
  readonly guest: GuestFacet;
  /** The machine's present spec, as the hypervisor knows it; undefined when it has none of that vmid. */
  specOf(vmid: number): MachineSpec | undefined;
  /** What a killed process does to its VM. Nothing to one that does not run. Works after `close`, too. */
  crash(vmid: number): void;
  /** What a panic of the guest's kernel does: it stands still for good, in a process that is there still. */
  panic(vmid: number): void;
}

/** A hypervisor in memory that fulfils the whole contract: for tests of what is above it, and for demos. */
export function createFakeDriver(options: FakeDriverOptions = {}): FakeDriver {
  const core = new FakeCore({
    persistPath: options.persistPath,
    latencyMs: options.latencyMs ?? 0,
    faults: options.faults ?? new FakeFaults(),
    commands: options.commands ?? {},
  });

  return {
    id: 'fake',
    snapshots: fakeSnapshots(core),
    clone: fakeClone(core),
    pause: fakePause(core),
    reset: fakeReset(core),
    crashes: fakeCrashes(core),
    suspend: fakeSuspend(core),
    hotplug: fakeHotplug(core),
    guest: fakeGuest(core, options.addressOf ?? exampleAddress),
    serial: {
      async open(ctx, { vmid }) {
        await core.enter('serial.open', ctx);
        return core.run(core.machines.get(vmid)).port.open();
      },
    },
    vnc: fakeVnc(core),
    screen: fakeScreen(core),
    keyboard: fakeKeyboard(core),
    capabilities: () => fakeCapabilities,
    validate: (spec) => specProblems(spec, fakeCapabilities, { hypervisor: 'The fake hypervisor' }),
    events: (signal) => core.events.subscribe(signal),

    async probe(ctx) {
      await core.enter('probe', ctx);
      return { usable: true, version: '1', execution: fakeExecution, reasons: [] };
    },

    async list(ctx) {
      await core.enter('list', ctx);
      return core.machines.all().map(statusOf);
    },

    async inspect(ctx, { vmid }) {
      await core.enter('inspect', ctx);
      const machine = core.machines.find(vmid);
      return machine ? statusOf(machine) : null;
    },

    async define(ctx, { spec }) {
      await core.enter('define', ctx);
      const [problem] = specProblems(spec, fakeCapabilities, { hypervisor: 'The fake hypervisor' });
      if (problem) throw new NakhodaError('vm.spec-invalid', { message: `${problem.field}: ${problem.message}`, hint: problem.hint });
      const known = core.machines.find(spec.vmid);
      if (known && isDeepStrictEqual(known.spec, spec)) return;
      if (known?.suspendedMemory) throw wrongState(spec.vmid, 'is to go on from memory on disk, so its definition cannot be changed');
      if (known?.memory) throw wrongState(spec.vmid, 'runs, so its definition cannot be changed');
      if (known) refuseSnapshotDisks(known, spec);
      const made = makeDisks(spec);
      const machine = known ?? newMachine(spec);
      machine.spec = structuredClone(spec);
      machine.madeDisks = [...machine.madeDisks, ...made];
      core.machines.add(machine);
    },

    async deleteImage(ctx, { vmid, path }) {
      await core.enter('deleteImage', ctx);
      const machine = core.machines.get(vmid);
      if (machine.spec.disks.some((disk) => disk.path === path)) throw wrongState(vmid, `has the disk ${path} still`);
      if (!machine.madeDisks.includes(path)) return;
      refuseSnapshotImage(machine, path);
      rmSync(path, { force: true });
      machine.madeDisks = machine.madeDisks.filter((one) => one !== path);
      core.machines.save();
    },

    async measureImage(ctx, { vmid, path }) {
      await core.enter('measureImage', ctx);
      core.machines.get(vmid);
      const sizeBytes = fakeImageSize(path);
      if (Number.isInteger(sizeBytes)) return { sizeBytes };
      throw new NakhodaError('storage.volume-refused', { message: `${path} is no disk of the fake hypervisor.`, hint: 'Take it away.' });
    },

    async undefine(ctx, { vmid }) {
      await core.enter('undefine', ctx);
      const machine = core.machines.find(vmid);
      if (!machine) return;
      if (machine.memory) throw wrongState(vmid, 'runs, so it cannot be removed');
      deleteDisks(machine.spec, machine.madeDisks);
      core.machines.remove(vmid);
      core.events.emit(vmid, 'removed');
    },

    async start(ctx, { vmid }) {
      await core.enter('start', ctx);
      const machine = core.machines.get(vmid);
      if (machine.state === 'paused') core.unpause(machine);
      // What a panic left is cleared away.
      if (machine.state === 'crashed' && machine.memory) core.powerOff(machine);
      if (machine.memory) return;
      const missing = [machine.spec.cdrom, machine.spec.cloudInit].find((path) => typeof path === 'string' && !existsSync(path));
      if (typeof missing !== 'string') return core.powerOn(machine);
      const reason = `There is no image ${missing} for the CD drive.`;
      machine.state = 'stopped';
      machine.reason = reason;
      core.changed(machine);
      throw new NakhodaError('vm.start-failed', {
        message: `VM ${vmid} did not start: ${reason}`,
        hint: 'Put the image back, or choose another.',
      });
    },

    async stop(ctx, { vmid, mode, timeoutSeconds }) {
      await core.enter('stop', ctx);
      const machine = core.machines.get(vmid);
      if (machine.state === 'stopped') return;
      const ignores = machine.memory !== null && core.filesOf(machine).exists('/data/ignore-acpi');
      if (mode === 'poweroff' || !ignores) return core.powerOff(machine);

      const run = core.run(machine);
      run.port.print('nakhoda-guest: power button ignored\n');
      const ended = AbortSignal.any([ctx.signal, run.signal]);
      await delay(timeoutSeconds * 1000, undefined, { signal: ended }).catch(() => undefined);
      ctx.signal.throwIfAborted();
      if (run.signal.aborted) return;
      throw new NakhodaError('vm.shutdown-timeout', {
        message: `The guest of VM ${vmid} did not shut down within ${timeoutSeconds} s; it goes on running.`,
        hint: 'Shut it down from inside, or take its power away with stop.',
      });
    },

    async close() {
      core.close();
    },

    specOf: (vmid) => core.machines.find(vmid)?.spec,

    crash(vmid) {
      const machine = core.machines.get(vmid);
      if (machine.memory) core.crash(machine, 'The process of this fake VM was killed.');
    },

    panic(vmid) {
      const machine = core.machines.get(vmid);
      if (machine.state === 'running') core.panic(machine, "The guest's kernel panicked.");
    },
  };
}

function wrongState(vmid: number, why: string): NakhodaError {
  return new NakhodaError('vm.wrong-state', { message: `VM ${vmid} ${why}.`, hint: 'Stop the VM first.' });
}
