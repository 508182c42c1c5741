import { type HotplugFacet, type MachineSpec, specProblems } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import { fakeCapabilities } from './fake-capabilities.ts';
import type { FakeCore } from './fake-core.ts';
import { makeDisks } from './fake-disks.ts';
import { hardwareFiles } from './fake-hardware.ts';
import { newFiles } from './guest/guest-files.ts';

const taken = new Set<string>(['disks', 'nics', 'cdrom', 'memoryMiB', 'cores']);

/** A running guest sees at once whatever is changed of what is declared; the rest waits for the next start. */
export function fakeHotplug(core: FakeCore): HotplugFacet {
  return {
    async change(ctx, { spec }) {
      await core.enter('change', ctx);
      const machine = core.machines.get(spec.vmid);
      const [problem] = specProblems(spec, fakeCapabilities, { hypervisor: 'The fake hypervisor' });
      if (problem) throw new NakhodaError('vm.spec-invalid', { message: `${problem.field}: ${problem.message}`, hint: problem.hint });
      const { memory } = machine;
      if (!memory) {
        throw new NakhodaError('vm.wrong-state', {
          message: `VM ${spec.vmid} is ${machine.state}, so nothing can be plugged into it.`,
          hint: 'Start the VM, or change its definition.',
        });
      }
      machine.madeDisks.push(...makeDisks(spec));
      const pending = (Object.keys(spec) as (keyof MachineSpec)[]).filter(
        (field) => !taken.has(field) && JSON.stringify(spec[field]) !== JSON.stringify(machine.spec[field]),
      );
      const before = Object.keys(newFiles(hardwareFiles(machine.spec)));
      machine.spec = {
        ...machine.spec,
        disks: spec.disks,
        nics: spec.nics,
        cdrom: spec.cdrom,
        memoryMiB: spec.memoryMiB,
        cores: spec.cores,
      };
      machine.spec = structuredClone(machine.spec);
      for (const path of before) if (path.startsWith('/sys/')) delete memory.files[path];
      Object.assign(
        memory.files,
        Object.fromEntries(Object.entries(newFiles(hardwareFiles(machine.spec))).filter(([path]) => /^\/(sys|proc\/meminfo)/u.test(path))),
      );
      core.changed(machine);
      return { pending: pending.map((field) => ({ field, reason: 'The fake guest takes that only at its next start.' })) };
    },
  };
}
