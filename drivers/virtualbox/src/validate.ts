import { type MachineNic, type MachineSpec, type SpecProblem, specProblems } from '@nakhoda/driver';
import type { Capabilities } from '@nakhoda/schema';

import { agentSocket, serialSocket } from './definition-plan.ts';
import { hardwareChecks } from './hardware-checks.ts';
import { nicSlots } from './nic-plan.ts';

/** VirtualBox's smallest VDI is one block. */
const minDiskBytes = 1024 * 1024;
/** What Linux takes as an interface's name, without what VBoxManage could take for a flag. */
const interfacePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;

/** Faults in a spec; all of them, each with its field. Pure. */
export function validateSpec(spec: MachineSpec, capabilities: Capabilities): SpecProblem[] {
  const sockets = [serialSocket(spec.runtimeDirectory), agentSocket(spec.runtimeDirectory)];
  return [
    ...specProblems(spec, capabilities, { hypervisor: 'VirtualBox', sockets, minDiskBytes }).map((problem) =>
      problem.field === 'cores' && capabilities.maxCores === 1
        ? { ...problem, hint: `${problem.hint} In VirtualBox's interpreter a guest with more does not boot.` }
        : problem,
    ),
    ...spec.nics.flatMap((nic, index) => nicProblems(`nics.${index}`, nic)),
    ...hardwareChecks(spec),
  ];
}

function nicProblems(field: string, { slot, attachment }: MachineNic): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const number = /^net([0-9])$/.exec(slot)?.[1];
  if (number !== undefined && Number(number) >= nicSlots) {
    const last = `net${nicSlots - 1}`;
    problems.push({ field: `${field}.slot`, message: `VirtualBox has NICs net0 to ${last}, not ${slot}.`, hint: `Use net0 to ${last}.` });
  }
  if (attachment.kind === 'bridged' && !interfacePattern.test(attachment.interface)) {
    const message = `${JSON.stringify(attachment.interface)} is no name of an interface.`;
    problems.push({ field: `${field}.attachment`, message, hint: "Give the name of one of the host's interfaces." });
  }
  if (attachment.kind === 'udp-tunnel') {
    const { localPort, peerPort } = attachment;
    if (![localPort, peerPort].every((port) => Number.isInteger(port) && port >= 1 && port <= 65_535)) {
      const message = `The tunnel's ports ${localPort} and ${peerPort} are not both from 1 to 65535.`;
      problems.push({ field: `${field}.attachment`, message, hint: 'Give ports from 1 to 65535.' });
    }
  }
  return problems;
}
