import { isDeepStrictEqual } from 'node:util';

import { type HotplugFacet, type MachineSpec, specProblems } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import { fakeCapabilities } from './fake-capabilities.ts';
import type { FakeCore } from './fake-core.ts';
import { makeDisks } from './fake-disks.ts';
import { hardwareFiles } from './fake-hardware.ts';
import { type FakeMachine, memoryOf } from './fake-machine.ts';
import { refuseSnapshotDisks } from './fake-snapshot-disks.ts';
import { newFiles } from './guest/guest-files.ts';

/** Fields of the machine that a running guest takes, and of its devices; all else waits for its next start. */
const hotFields: readonly (keyof MachineSpec)[] = ['cdrom', 'memoryMiB', 'cores'];
const hotDeviceFields: readonly string[] = ['sizeBytes', 'linkUp', 'attachment'];
const usualReason = 'The fake guest takes that only at its next start.';

/** Tells a refusal, and whether it is one. */
type Refuses = (field: string, isHot: boolean) => boolean;

/** A running guest sees at once whatever is changed of what is declared, but for what the test's faults refuse. */
export function fakeHotplug(core: FakeCore): HotplugFacet {
  return {
    async change(ctx, { spec }) {
      await core.enter('change', ctx);
      const machine = core.machines.get(spec.vmid);
      const [problem] = specProblems(spec, fakeCapabilities, { hypervisor: 'The fake hypervisor' });
      if (problem) throw new NakhodaError('vm.spec-invalid', { message: `${problem.field}: ${problem.message}`, hint: problem.hint });
      if (!machine.memory) {
        throw new NakhodaError('vm.wrong-state', {
          message: `VM ${spec.vmid} is ${machine.state}, so nothing can be plugged into it.`,
          hint: 'Start the VM, or change its definition.',
        });
      }
      const pending: { field: string; reason: string }[] = [];
      const refuses: Refuses = (field, isHot) => {
        const reason = core.faults.refusals.get(field) ?? (isHot ? null : usualReason);
        if (reason !== null) pending.push({ field, reason });
        return reason !== null;
      };
      const changed = changedSpec(machine.spec, spec, refuses);
      refuseSnapshotDisks(machine, changed);
      machine.madeDisks.push(...makeDisks(changed));
      const before = Object.keys(newFiles(hardwareFiles(machine.spec)));
      machine.spec = structuredClone(changed);
      showHardware(machine, before);
      core.changed(machine);
      return { pending };
    },
  };
}

function changedSpec(before: MachineSpec, wanted: MachineSpec, refuses: Refuses): MachineSpec {
  const kept = (Object.keys(before) as (keyof MachineSpec)[]).filter(
    (field) =>
      !['disks', 'nics'].includes(field) && !isDeepStrictEqual(before[field], wanted[field]) && refuses(field, hotFields.includes(field)),
  );
  return {
    ...wanted,
    ...Object.fromEntries(kept.map((field) => [field, before[field]])),
    disks: changedDevices('disks', before.disks, wanted.disks, refuses),
    nics: changedDevices('nics', before.nics, wanted.nics, refuses),
  };
}

function changedDevices<Device extends { slot: string }>(
  list: string,
  before: readonly Device[],
  wanted: readonly Device[],
  refuses: Refuses,
): Device[] {
  const slots = [...new Set([...wanted, ...before].map(({ slot }) => slot))];
  return slots.flatMap((slot) => {
    const former = before.find((device) => device.slot === slot);
    const device = wanted.find((one) => one.slot === slot);
    if (isDeepStrictEqual(former, device)) return former ? [former] : [];
    if (!former || !device) return (refuses(`${list}.${slot}`, true) ? [former] : [device]).filter((one) => one !== undefined);
    const kept = Object.entries(former).filter(
      ([field, value]) =>
        !isDeepStrictEqual(value, device[field as keyof Device]) && refuses(`${list}.${slot}.${field}`, hotDeviceFields.includes(field)),
    );
    return [{ ...device, ...Object.fromEntries(kept) }];
  });
}

/** The guest's kernel shows what it has now, and no more what it had. */
function showHardware(machine: FakeMachine, before: readonly string[]): void {
  const { files } = memoryOf(machine);
  for (const path of before) if (path.startsWith('/sys/')) delete files[path];
  const now = Object.entries(newFiles(hardwareFiles(machine.spec)));
  Object.assign(files, Object.fromEntries(now.filter(([path]) => /^\/(sys|proc\/meminfo)/u.test(path))));
}
