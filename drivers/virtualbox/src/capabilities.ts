import { totalmem } from 'node:os';
import { isAbsolute } from 'node:path';

import type { MachineSpec, NicAttachment, SpecProblem } from '@nakhoda/driver';
import { matchesName, VmName } from '@nakhoda/schema';
import type { Capabilities } from '@nakhoda/schema';

import { nicSlots, serialSocket } from './definition-plan.ts';
import { judgeHost } from './host-facts.ts';
import type { HostFacts } from './host-facts.ts';

/** What VirtualBox can do on a host of which these facts hold. */
export function capabilitiesOf(facts: HostFacts): Capabilities {
  const interpreter = judgeHost(facts).execution?.mode !== 'hardware';
  return {
    // `deleteWithChildren`: VirtualBox merges a snapshot into its child, as long as it has only one.
    snapshots: { live: true, memory: true, deleteWithChildren: true },
    serial: true,
    guest: { exec: true, files: true },
    // A bridged adapter needs the driver vboxnetflt; the tunnel needs none.
    nicBackends: [facts.bridging && !interpreter ? 'bridged' : 'udp-tunnel', 'none'],
    diskFormat: 'vdi',
    // A guest with two cores did not boot in 80 s in the interpreter, where it takes 20 s with one (7.2.22, two host cores).
    maxCores: interpreter ? 1 : 64,
    minMemoryMiB: 4,
    maxMemoryMiB: Math.floor(totalmem() / 1024 / 1024),
  };
}

/** Longest path of a Unix socket: `sockaddr_un` has 108 bytes with the final zero (unix(7)). */
const socketPathBytes = 107;

/** Faults in a spec. Pure. */
export function validateSpec(spec: MachineSpec, capabilities: Capabilities): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const check = (holds: boolean, field: string, message: string, hint: string): void => {
    if (!holds) problems.push({ field, message, hint });
  };
  const range = (value: number, low: number, high: number): boolean => Number.isInteger(value) && value >= low && value <= high;
  const { maxCores, minMemoryMiB, maxMemoryMiB, nicBackends } = capabilities;

  check(range(spec.vmid, 100, 999_999_999), 'vmid', `${spec.vmid} is no vmid.`, 'Give an integer from 100 on.');
  check(
    matchesName(VmName, spec.name),
    'name',
    'The name is no DNS label that begins with a letter.',
    'Give letters, digits and inner hyphens, 63 at most.',
  );
  check(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(spec.uuid), 'uuid', 'The UUID is malformed.', 'Give a UUID in lower case.');
  const cores =
    maxCores === 1
      ? "In VirtualBox's interpreter a guest has one core; more do not boot."
      : `VirtualBox gives a guest 1 to ${maxCores} cores.`;
  check(range(spec.cores, 1, maxCores), 'cores', cores, `Give ${maxCores === 1 ? '1' : `1 to ${maxCores}`}.`);
  check(
    range(spec.memoryMiB, minMemoryMiB, maxMemoryMiB),
    'memoryMiB',
    `This host gives a VirtualBox guest ${minMemoryMiB} to ${maxMemoryMiB} MiB.`,
    'Give an integer within these limits.',
  );
  for (const field of ['directory', 'runtimeDirectory'] as const) {
    check(isPlainPath(spec[field]), field, `${field} is no absolute path.`, 'Give an absolute path.');
  }
  const socket = serialSocket(spec.runtimeDirectory);
  check(
    Buffer.byteLength(socket) <= socketPathBytes,
    'runtimeDirectory',
    `${socket} is too long for a socket.`,
    'Use a shorter data folder.',
  );
  check(spec.cdrom === null || isPlainPath(spec.cdrom), 'cdrom', 'The ISO image is no absolute path.', 'Give an absolute path.');
  return [...problems, ...diskProblems(spec), ...nicProblems(spec, nicBackends)];
}

function isPlainPath(path: string): boolean {
  return isAbsolute(path) && !/\p{Cc}/u.test(path);
}

function diskProblems(spec: MachineSpec): SpecProblem[] {
  return spec.disks.flatMap((disk, index) => {
    const field = `disks[${index}]`;
    const problems: SpecProblem[] = [];
    if (!/^disk[0-9]$/.test(disk.slot))
      problems.push({ field: `${field}.slot`, message: `${JSON.stringify(disk.slot)} is no disk slot.`, hint: 'Give disk0 to disk9.' });
    if (spec.disks.findIndex((other) => other.slot === disk.slot) !== index) {
      problems.push({ field: `${field}.slot`, message: `Two disks are in ${disk.slot}.`, hint: 'Give each disk a slot of its own.' });
    }
    if (disk.format !== 'vdi')
      problems.push({
        field: `${field}.format`,
        message: `VirtualBox cannot run from a ${disk.format} image here.`,
        hint: 'Give a VDI image.',
      });
    if (!isPlainPath(disk.path))
      problems.push({ field: `${field}.path`, message: 'The image is no absolute path.', hint: 'Give an absolute path.' });
    // VirtualBox's smallest VDI is one block.
    if (!Number.isInteger(disk.sizeBytes) || disk.sizeBytes < 1024 * 1024) {
      problems.push({
        field: `${field}.sizeBytes`,
        message: 'A VDI image has at least 1 MiB.',
        hint: 'Give a whole number of bytes, 1048576 or more.',
      });
    }
    return problems;
  });
}

function nicProblems(spec: MachineSpec, backends: readonly NicAttachment['kind'][]): SpecProblem[] {
  return spec.nics.flatMap((nic, index) => {
    const field = `nics[${index}]`;
    const problems: SpecProblem[] = [];
    if (!/^net[0-9]$/.test(nic.slot) || Number(nic.slot.slice(3)) >= nicSlots) {
      problems.push({
        field: `${field}.slot`,
        message: `VirtualBox has no NIC ${JSON.stringify(nic.slot)}.`,
        hint: `Give net0 to net${nicSlots - 1}.`,
      });
    }
    if (spec.nics.findIndex((other) => other.slot === nic.slot) !== index) {
      problems.push({ field: `${field}.slot`, message: `Two NICs are in ${nic.slot}.`, hint: 'Give each NIC a slot of its own.' });
    }
    // The lowest bit of the first byte marks a multicast address, which VirtualBox refuses.
    if (!/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(nic.mac)) {
      problems.push({
        field: `${field}.mac`,
        message: `${JSON.stringify(nic.mac)} is no unicast MAC address.`,
        hint: 'Give six pairs in lower case, the first of them even.',
      });
    }
    const { attachment } = nic;
    if (!backends.includes(attachment.kind)) {
      problems.push({
        field: `${field}.attachment`,
        message: `VirtualBox cannot attach a NIC by ${attachment.kind} here.`,
        hint: `Possible: ${backends.join(', ')}.`,
      });
    } else if (attachment.kind === 'bridged' && !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(attachment.interface)) {
      problems.push({
        field: `${field}.attachment`,
        message: 'The interface has an impossible name.',
        hint: "Give the name of one of the host's interfaces.",
      });
    } else if (
      attachment.kind === 'udp-tunnel' &&
      ![attachment.localPort, attachment.peerPort].every((port) => Number.isInteger(port) && port > 0 && port < 65_536)
    ) {
      problems.push({
        field: `${field}.attachment`,
        message: 'A port of the tunnel is out of range.',
        hint: 'Give ports from 1 to 65535.',
      });
    }
    return problems;
  });
}
