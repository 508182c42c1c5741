import { type MachineSpec, type SpecProblem, specProblems } from '@nakhoda/driver';
import type { Capabilities } from '@nakhoda/schema';

import { machinePaths } from './machine-paths.ts';

/** One sector. */
const minDiskBytes = 512;
/** What Linux takes as an interface's name, without what is special to QEMU. */
const interfacePattern = /^[A-Za-z0-9_.-]{1,15}$/;

/** Faults in a spec; all of them, each with its field. Pure. */
export function validateSpec(spec: MachineSpec, capabilities: Capabilities): SpecProblem[] {
  const { qmpSocket, serialSocket, agentSocket, memorySocket } = machinePaths(spec);
  return [
    ...specProblems(spec, capabilities, {
      hypervisor: 'QEMU',
      sockets: [qmpSocket, serialSocket, agentSocket, memorySocket],
      minDiskBytes,
    }),
    ...spec.nics.flatMap(({ attachment }, index) => {
      if (attachment.kind !== 'tap' || interfacePattern.test(attachment.tap)) return [];
      const message = `${JSON.stringify(attachment.tap)} is no name of a TAP interface.`;
      return [{ field: `nics.${index}.attachment`, message, hint: 'Use 1 to 15 letters, digits, ".", "_" and "-".' }];
    }),
  ];
}
