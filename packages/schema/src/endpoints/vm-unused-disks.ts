import { Type } from 'typebox';

import { endpoint } from '../endpoint.ts';
import { VmReference } from '../names.ts';
import { UnusedDisk } from '../resources.ts';
import { Task } from '../task.ts';
import { diskOptions } from './vm-devices.ts';
import { VmParams } from './vm.ts';

const closed = { additionalProperties: false } as const;
const UnusedParams = Type.Object(
  {
    vm: VmReference,
    slot: Type.String({
      pattern: '^unused[0-9]{1,4}$',
      maxLength: 10,
      description: 'an unused image: unused1 is disk-1 in the folder of the VM',
    }),
  },
  closed,
);
export const DiskAttach = Type.Object(diskOptions, closed);
export type DiskAttach = Type.Static<typeof DiskAttach>;

/** Images that a VM had and has no more: a rollback left them, or they were kept when their disk was removed. */
export const vmUnusedDiskEndpoints = {
  'disk.unused': endpoint({
    method: 'GET',
    path: '/vms/:vm/unused-disks',
    params: VmParams,
    result: Type.Array(UnusedDisk),
    errors: ['vm.not-found'],
    permission: 'VM.Audit',
    summary: 'List the images in the folder of a VM that it does not use',
    cli: { words: ['disk', 'unused'], positional: ['vm'] },
  }),
  'disk.attach': endpoint({
    method: 'POST',
    path: '/vms/:vm/unused-disks/:slot/attach',
    params: UnusedParams,
    body: DiskAttach,
    result: Task,
    answer: 'task',
    errors: [
      ...(['vm.not-found', 'vm.wrong-state', 'vm.spec-invalid', 'vm.device-not-found', 'hypervisor.failed', 'store.conflict'] as const),
      ...(['snapshot.uses-disk', 'storage.volume-not-found', 'storage.volume-refused'] as const),
    ],
    permission: 'VM.Config.Disk',
    summary: 'Give a VM an unused image as a disk, with everything on it, in the next free slot',
    cli: { words: ['disk', 'attach'], positional: ['vm', 'slot'], yesNo: ['ssd', 'discard'] },
  }),
  'disk.delete': endpoint({
    method: 'DELETE',
    path: '/vms/:vm/unused-disks/:slot',
    params: UnusedParams,
    result: Task,
    answer: 'task',
    errors: ['vm.not-found', 'vm.wrong-state', 'vm.protected', 'vm.device-not-found', 'hypervisor.failed', 'snapshot.uses-disk'],
    permission: 'VM.Config.Disk',
    summary: 'Delete an unused image with everything on it',
    cli: { words: ['disk', 'delete'], positional: ['vm', 'slot'] },
  }),
};
