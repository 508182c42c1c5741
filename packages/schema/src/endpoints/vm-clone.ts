import { Type } from 'typebox';

import { endpoint } from '../endpoint.ts';
import { SnapshotName, Vmid, VmName } from '../names.ts';
import { Task } from '../task.ts';
import { VmParams } from './vm.ts';

export const VmClone = Type.Object(
  {
    name: VmName,
    vmid: Type.Optional(Vmid),
    snapshot: Type.Optional(SnapshotName),
    linked: Type.Optional(
      Type.Boolean({ description: "keep only what differs, on top of a template's or snapshot's disks; default: yes for templates" }),
    ),
    start: Type.Optional(Type.Boolean({ description: 'start it when it is made' })),
  },
  { additionalProperties: false },
);
export type VmClone = Type.Static<typeof VmClone>;

export const vmCloneEndpoints = {
  'vm.clone': endpoint({
    method: 'POST',
    path: '/vms/:vm/clone',
    params: VmParams,
    body: VmClone,
    result: Task,
    answer: 'task',
    errors: [
      'vm.not-found',
      'vm.wrong-state',
      'vm.unsupported',
      'vm.name-taken',
      'vm.vmid-taken',
      'vm.spec-invalid',
      'snapshot.not-found',
      'hypervisor.unusable',
      'network.not-found',
      'storage.too-large',
      'storage.failed',
    ],
    permission: 'VM.Clone',
    summary: 'Make a VM from the disks of another, as they are now or in a snapshot',
    cli: { words: ['vm', 'clone'], positional: ['vm', 'name'], showLog: true, yesNo: ['linked'] },
  }),
};
