import { Type } from 'typebox';

import { endpoint } from '../endpoint.ts';
import { SnapshotName, VmReference } from '../names.ts';
import { Snapshot } from '../resources.ts';
import { Task } from '../task.ts';
import { VmParams } from './vm.ts';

const closed = { additionalProperties: false } as const;
const SnapshotParams = Type.Object({ vm: VmReference, name: SnapshotName }, closed);

export const snapshotEndpoints = {
  'snapshot.take': endpoint({
    method: 'POST',
    path: '/vms/:vm/snapshots',
    params: VmParams,
    body: Type.Object(
      {
        name: Type.Optional(SnapshotName),
        memory: Type.Optional(Type.Boolean({ description: "keep the running guest's memory too" })),
        description: Type.Optional(Type.String({ maxLength: 4096 })),
      },
      closed,
    ),
    result: Task,
    answer: 'task',
    errors: [
      'vm.not-found',
      'vm.wrong-state',
      'snapshot.name-taken',
      'snapshot.needs-disk',
      'snapshot.needs-running',
      'snapshot.uses-disk',
      'snapshot.failed',
      'vm.unsupported',
    ],
    permission: 'VM.Snapshot',
    summary: 'Take a snapshot',
    cli: { words: ['snapshot', 'take'], positional: ['vm', 'name?'] },
  }),
  'snapshot.list': endpoint({
    method: 'GET',
    path: '/vms/:vm/snapshots',
    params: VmParams,
    result: Type.Array(Snapshot),
    errors: ['vm.not-found', 'vm.unsupported'],
    permission: 'VM.Audit',
    summary: "List a VM's snapshots as a tree",
    cli: { words: ['snapshot', 'list'], positional: ['vm'] },
  }),
  'snapshot.rollback': endpoint({
    method: 'POST',
    path: '/vms/:vm/snapshots/:name/rollback',
    params: SnapshotParams,
    result: Task,
    answer: 'task',
    errors: [
      'vm.not-found',
      'vm.wrong-state',
      'vm.mac-taken',
      'vm.spec-invalid',
      'network.not-found',
      'storage.volume-not-found',
      'snapshot.not-found',
      'snapshot.failed',
      'vm.unsupported',
    ],
    permission: 'VM.Snapshot.Rollback',
    summary: 'Bring a VM back to a snapshot, with the hardware that it had then',
    cli: { words: ['snapshot', 'rollback'], positional: ['vm', 'name'] },
  }),
  'snapshot.delete': endpoint({
    method: 'DELETE',
    path: '/vms/:vm/snapshots/:name',
    params: SnapshotParams,
    result: Task,
    answer: 'task',
    errors: [
      'vm.not-found',
      'vm.wrong-state',
      'snapshot.not-found',
      'snapshot.has-children',
      'vm.has-clones',
      'snapshot.failed',
      'vm.unsupported',
    ],
    permission: 'VM.Snapshot',
    summary: 'Delete a snapshot',
    cli: { words: ['snapshot', 'delete'], positional: ['vm', 'name'] },
  }),
};
