import type { ForeignList, ForeignUser } from '@nakhoda/schema';

import { bytes, mebibytes, printable, textTable } from './text.ts';

/** `foreign list`: a table, then why some cannot be adopted, then users whose VMs could not be looked at. */
export function renderForeign({ vms, problems }: ForeignList): string {
  const table =
    vms.length === 0
      ? 'There is no VM of a named user. Name one: nakhoda foreign users add USER'
      : textTable(
          ['USER', 'NAME', 'STATE', 'OS', 'CORES', 'MEMORY', 'DISKS', 'SNAPSHOTS', 'ADOPTABLE', 'UUID'],
          vms.map((vm) => [
            vm.user,
            printable(vm.name) || '-',
            vm.state,
            printable(vm.osType) || '-',
            String(vm.cores),
            mebibytes(vm.memoryMiB),
            vm.disks.map(({ sizeBytes }) => (sizeBytes === null ? '?' : bytes(sizeBytes))).join(' + ') || '-',
            String(vm.snapshots),
            vm.adoptable ? 'yes' : 'no',
            printable(vm.uuid),
          ]),
        );
  const reasons = vms.flatMap((vm) =>
    vm.reasons.map((reason) => `${vm.user}/${printable(vm.name) || printable(vm.uuid)}: ${printable(reason)}`),
  );
  const troubles = problems.map(({ user, message }) => `${user}: ${printable(message)}`);
  return [table, ...(reasons.length + troubles.length === 0 ? [] : ['', ...reasons, ...troubles])].join('\n');
}

export function renderForeignUsers(users: readonly ForeignUser[]): string {
  if (users.length === 0) return 'No user is named. Name one: nakhoda foreign users add USER';
  return textTable(
    ['USER', 'SETTINGS'],
    users.map(({ user, settings }) => [user, settings === null ? 'where VirtualBox keeps them' : printable(settings)]),
  );
}
