import { Type } from 'typebox';

import { endpoint } from '../endpoint.ts';
import { DiskBus, FirmwareName, MachineName } from '../hardware.ts';
import { HypervisorId, NetworkName, Vmid, VmName } from '../names.ts';
import { Task } from '../task.ts';
import { VmCreate } from './vm.ts';

/** A format of a foreign disk image, by QEMU's names. */
const ImageFormat = Type.Enum(['qcow2', 'raw', 'vdi', 'vmdk', 'vpc', 'vhdx'] as const, {
  description: 'format of the image; needed for a raw one, which cannot be told from its content',
});

export const VmImport = Type.Object(
  {
    source: Type.String({
      pattern: '^/[^\\u0000-\\u001f]*$',
      maxLength: 4096,
      description: "absolute path on the server: a disk image, or a libvirt domain's XML (virsh dumpxml)",
    }),
    hypervisor: HypervisorId,
    name: Type.Optional(VmName),
    vmid: Type.Optional(Vmid),
    cores: VmCreate.properties.cores,
    memoryMiB: VmCreate.properties.memoryMiB,
    network: Type.Optional(NetworkName),
    format: Type.Optional(ImageFormat),
    diskBus: Type.Optional(DiskBus),
    machine: Type.Optional(MachineName),
    firmware: Type.Optional(FirmwareName),
    start: Type.Optional(Type.Boolean({ description: 'start it when it is made' })),
  },
  { additionalProperties: false },
);
export type VmImport = Type.Static<typeof VmImport>;

export const vmImportEndpoints = {
  'vm.import': endpoint({
    method: 'POST',
    path: '/vms/import',
    body: VmImport,
    result: Task,
    answer: 'task',
    errors: [
      'import.unreadable',
      'storage.volume-not-found',
      'storage.volume-refused',
      'storage.too-large',
      'storage.failed',
      'vm.name-taken',
      'vm.vmid-taken',
      'vm.spec-invalid',
      'hypervisor.unusable',
      'network.not-found',
    ],
    // It reads whatever file of the server it is told.
    permission: 'Sys.Modify',
    summary: 'Make a VM from a disk image or a libvirt domain; its disks are copied, the source is never changed',
    cli: { words: ['vm', 'import'], positional: ['source'], flags: { memoryMiB: 'memory' }, showLog: true },
  }),
};
