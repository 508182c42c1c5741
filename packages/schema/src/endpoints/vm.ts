import { Type } from 'typebox';

import { base64Of } from '../base64-field.ts';
import { CloudInitSettings } from '../cloud-init.ts';
import { endpoint } from '../endpoint.ts';
import { guestInputLimitBytes } from '../guest-limits.ts';
import { DiskBus, DiskCache, DiskLimits, MacAddress, NicModel, VmHardware } from '../hardware.ts';
import { CdromReference, HypervisorId, NetworkName, NodeName, Vmid, VmName, VmReference } from '../names.ts';
import { Vm } from '../resources.ts';
import { Task } from '../task.ts';
import { VmOptions } from '../vm-options.ts';

const closed = { additionalProperties: false } as const;
export const VmParams = Type.Object({ vm: VmReference }, closed);
const timeoutSeconds = Type.Optional(Type.Integer({ minimum: 1, maximum: 3600, description: 'seconds to wait for the guest' }));

/** Hardware and options that a request may name; what it does not name keeps its default or its present value. */
const settings = Type.Partial(Type.Object({ ...VmHardware, ...VmOptions, ...CloudInitSettings }));

export const VmCreate = Type.Object(
  {
    name: VmName,
    hypervisor: HypervisorId,
    vmid: Type.Optional(Vmid),
    node: Type.Optional(NodeName),
    cores: Type.Optional(Type.Integer({ minimum: 1, maximum: 256, description: 'virtual processors, default 1' })),
    memoryMiB: Type.Optional(Type.Integer({ minimum: 16, maximum: 16_777_216, description: 'MiB of memory, default 512' })),
    diskGiB: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_048_576, description: 'GiB of the first disk, default 4' })),
    cdrom: Type.Optional(CdromReference),
    network: Type.Optional(NetworkName),
    start: Type.Optional(Type.Boolean({ description: 'start it when it is made' })),
    diskBus: Type.Optional(DiskBus),
    diskCache: Type.Optional(DiskCache),
    diskDiscard: Type.Optional(Type.Boolean({ description: 'what the guest trims is given back to the host' })),
    diskSsd: Type.Optional(Type.Boolean({ description: 'the guest is told that the disk does not rotate' })),
    diskIothread: Type.Optional(Type.Boolean({ description: 'a thread of the hypervisor serves the disk alone' })),
    diskIopsLimit: Type.Optional(DiskLimits.iopsLimit),
    diskMbpsLimit: Type.Optional(DiskLimits.mbpsLimit),
    nicModel: Type.Optional(NicModel),
    mac: Type.Optional(MacAddress),
    ...settings.properties,
  },
  closed,
);
export type VmCreate = Type.Static<typeof VmCreate>;

/** What `vm set` takes: any number of fields. */
export const VmSet = Type.Object(
  {
    name: Type.Optional(VmName),
    cores: VmCreate.properties.cores,
    memoryMiB: VmCreate.properties.memoryMiB,
    cdrom: Type.Optional(
      Type.Union([Type.Literal('none'), ...CdromReference.anyOf], {
        description: 'a volume such as local:iso/debian.iso, "tiny" for the tiny guest, or "none" for an empty drive',
      }),
    ),
    template: Type.Optional(Type.Boolean({ description: 'make it a template, which others are cloned from, or an ordinary VM again' })),
    ...settings.properties,
  },
  { ...closed, minProperties: 1 },
);
export type VmSet = Type.Static<typeof VmSet>;

const settingFlags = {
  memoryMiB: 'memory',
  cpuModel: 'cpu',
  balloonMiB: 'balloon',
  memoryMaxMiB: 'memory-max',
  displayMemoryMiB: 'display-memory',
  bootOrder: 'boot',
  startDelaySeconds: 'start-delay',
  ciDrive: 'cloud-init',
} as const;

/** One line of an exec's answer: output as base64, then the command's own exit code. */
export const ExecLine = Type.Union([
  Type.Object({ stream: Type.Union([Type.Literal('stdout'), Type.Literal('stderr')]), data: Type.String() }, closed),
  Type.Object({ exitCode: Type.Integer() }, closed),
  Type.Object({ error: Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String() }, closed) }, closed),
]);
export type ExecLine = Type.Static<typeof ExecLine>;

/** An order to a VM's power that takes nothing but the VM. */
function power(verb: 'pause' | 'resume' | 'reset' | 'suspend' | 'discard', summary: string) {
  return endpoint({
    method: 'POST',
    path: `/vms/:vm/${verb}`,
    params: VmParams,
    result: Task,
    answer: 'task',
    errors: ['vm.not-found', 'vm.wrong-state', 'vm.unsupported', 'hypervisor.failed'],
    permission: 'VM.PowerMgmt',
    summary,
    cli: { words: ['vm', verb], positional: ['vm'] },
  });
}

export const vmEndpoints = {
  'vm.create': endpoint({
    method: 'POST',
    path: '/vms',
    body: VmCreate,
    result: Task,
    answer: 'task',
    errors: [
      'vm.name-taken',
      'vm.vmid-taken',
      'vm.mac-taken',
      'vm.spec-invalid',
      'hypervisor.unusable',
      'network.not-found',
      'storage.volume-not-found',
      'storage.volume-refused',
      'storage.too-large',
      'node.not-found',
      'vm.unsupported',
    ],
    permission: 'VM.Allocate',
    summary: 'Make a VM',
    cli: { words: ['vm', 'create'], positional: ['name'], flags: { ...settingFlags, diskGiB: 'disk' }, yesNo: ['diskDiscard', 'rng'] },
  }),
  'vm.set': endpoint({
    method: 'PATCH',
    path: '/vms/:vm',
    params: VmParams,
    body: VmSet,
    result: Task,
    answer: 'task',
    errors: [
      'vm.not-found',
      'vm.wrong-state',
      'vm.name-taken',
      'vm.spec-invalid',
      'vm.is-template',
      'vm.has-clones',
      'storage.volume-not-found',
      'storage.volume-refused',
      'hypervisor.failed',
      'vm.unsupported',
    ],
    permission: 'VM.Config',
    summary: 'Change a VM; what a running one cannot take is pending until its next start',
    cli: { words: ['vm', 'set'], positional: ['vm'], flags: settingFlags },
  }),
  'vm.revert': endpoint({
    method: 'POST',
    path: '/vms/:vm/revert',
    params: VmParams,
    result: Task,
    answer: 'task',
    errors: ['vm.not-found', 'vm.wrong-state'],
    permission: 'VM.Config',
    summary: 'Take back the changes that are pending',
    cli: { words: ['vm', 'revert'], positional: ['vm'] },
  }),
  'vm.list': endpoint({
    method: 'GET',
    path: '/vms',
    query: Type.Object(
      {
        hypervisor: Type.Optional(HypervisorId),
        state: Type.Optional(Type.String({ maxLength: 16 })),
        sort: Type.Optional(Type.Union([Type.Literal('vmid'), Type.Literal('name'), Type.Literal('state')])),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
        cursor: Type.Optional(Type.String({ maxLength: 64 })),
      },
      closed,
    ),
    result: Type.Array(Vm),
    errors: [],
    permission: 'VM.Audit',
    summary: 'List VMs of every hypervisor',
    cli: { words: ['vm', 'list'] },
  }),
  'vm.show': endpoint({
    method: 'GET',
    path: '/vms/:vm',
    params: VmParams,
    result: Vm,
    errors: ['vm.not-found'],
    permission: 'VM.Audit',
    summary: 'Show a VM',
    cli: { words: ['vm', 'show'], positional: ['vm'] },
  }),
  'vm.start': endpoint({
    method: 'POST',
    path: '/vms/:vm/start',
    params: VmParams,
    result: Task,
    answer: 'task',
    errors: ['vm.not-found', 'vm.wrong-state', 'vm.is-template', 'vm.start-failed', 'hypervisor.unusable'],
    permission: 'VM.PowerMgmt',
    summary: 'Start a VM',
    cli: { words: ['vm', 'start'], positional: ['vm'] },
  }),
  'vm.shutdown': endpoint({
    method: 'POST',
    path: '/vms/:vm/shutdown',
    params: VmParams,
    body: Type.Object({ timeoutSeconds }, closed),
    result: Task,
    answer: 'task',
    errors: ['vm.not-found', 'vm.wrong-state', 'vm.shutdown-timeout'],
    permission: 'VM.PowerMgmt',
    summary: 'Ask the guest to shut down, and wait for it',
    cli: { words: ['vm', 'shutdown'], positional: ['vm'], flags: { timeoutSeconds: 'timeout' } },
  }),
  'vm.stop': endpoint({
    method: 'POST',
    path: '/vms/:vm/stop',
    params: VmParams,
    result: Task,
    answer: 'task',
    errors: ['vm.not-found', 'vm.wrong-state'],
    permission: 'VM.PowerMgmt',
    summary: 'Take the power away from a VM',
    cli: { words: ['vm', 'stop'], positional: ['vm'] },
  }),
  'vm.pause': power('pause', 'Halt the processors of a running VM, which keeps its memory'),
  'vm.resume': power('resume', 'Let a paused VM go on'),
  'vm.reset': power('reset', 'Press the reset button: the guest starts anew, without being asked'),
  'vm.suspend': power('suspend', 'Write the memory to disk and stop; the next start goes on from there'),
  'vm.discard': power('discard', 'Throw the memory of a suspended VM away: its next start boots'),
  'vm.destroy': endpoint({
    method: 'DELETE',
    path: '/vms/:vm',
    params: VmParams,
    query: Type.Object(
      { adoptedDisks: Type.Optional(Type.Boolean({ description: 'of an adopted VM: delete the disks of the user whose VM it was' })) },
      closed,
    ),
    result: Task,
    answer: 'task',
    errors: ['vm.not-found', 'vm.wrong-state', 'vm.protected', 'vm.has-clones', 'foreign.keeps-disks'],
    permission: 'VM.Allocate',
    summary: 'Delete a stopped VM with its disks and snapshots',
    cli: { words: ['vm', 'destroy'], positional: ['vm'] },
  }),
  'vm.exec': endpoint({
    method: 'POST',
    path: '/vms/:vm/exec',
    params: VmParams,
    body: Type.Object(
      {
        argv: Type.Array(Type.String({ maxLength: 32_768 }), { minItems: 1, maxItems: 256 }),
        timeoutSeconds,
        stdin: Type.Optional(base64Of(guestInputLimitBytes, 'standard input')),
      },
      closed,
    ),
    result: ExecLine,
    answer: 'ndjson',
    errors: ['vm.not-found', 'guest.not-running', 'guest.no-agent', 'guest.timeout', 'guest.exec-failed', 'vm.unsupported'],
    permission: 'VM.GuestAgent.Unrestricted',
    summary: 'Run a command in the guest',
  }),
};
