import { dirname } from 'node:path';

import type { MachineSpec, SpecProblem } from '@nakhoda/driver';
import { vmIdentity } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import type { QemuDriverOptions } from './driver-options.ts';

/** Two VMs of one user could reach each other's processes. */
export function refuseSharedIdentity(spec: MachineSpec, vmids: Iterable<number>): void {
  const uidOf = (vmid: number): number => vmIdentity({ owner: 'same', vmid }).uid;
  const other = [...vmids].find((vmid) => vmid !== spec.vmid && uidOf(vmid) === uidOf(spec.vmid));
  if (other === undefined) return;
  throw new NakhodaError('vm.spec-invalid', {
    message: `VM ${spec.vmid} would run as the same user as VM ${other}: their vmids are a multiple of 1,048,576 apart.`,
    hint: 'Take another vmid.',
  });
}

/** A restarted daemon finds its VMs by these folders. */
export function folderProblems(spec: MachineSpec, options: Pick<QemuDriverOptions, 'imagesDirectory' | 'runDirectory'>): SpecProblem[] {
  const folders = [
    { field: 'directory', path: spec.directory, parent: options.imagesDirectory },
    { field: 'runtimeDirectory', path: spec.runtimeDirectory, parent: options.runDirectory },
  ];
  return folders
    .filter(({ path, parent }) => dirname(path) !== parent)
    .map(({ field, path, parent }) => ({
      field,
      message: `${path} is not a folder directly in ${parent}.`,
      hint: 'Let the daemon name the folders.',
    }));
}

/** All that is wrong with a spec, as one error. */
export function specError(spec: MachineSpec, problems: readonly SpecProblem[]): NakhodaError {
  const [first] = problems;
  return new NakhodaError('vm.spec-invalid', {
    message: `QEMU cannot run VM ${spec.vmid} as described: ${problems.map(({ message }) => message).join(' ')}`,
    hint: first?.hint ?? 'Change the description.',
    details: { problems },
  });
}
