import { mkdir } from 'node:fs/promises';

import { copyDiskImage } from '@nakhoda/host';
import type { TaskKind } from '@nakhoda/tasks';

import type { Services } from '../services/context.ts';
import type { ImportedDisk } from '../services/import-plan.ts';
import { toMachineSpec, vmFolders, type VmRecord } from '../services/vm-record.ts';
import { defineStep, reserveStep } from './vm-create.ts';
import { removeVmFolders, startSteps } from './vm-steps.ts';

export interface VmImportInput {
  record: VmRecord;
  disks: ImportedDisk[];
  left: string[];
  start: boolean;
}

/** Makes a VM of copies of foreign disks. The sources are only read. */
export function vmImportSaga(services: Services): TaskKind<VmImportInput, object, void> {
  const { config } = services;
  return {
    kind: 'vm.import',
    title: ({ record }) => `Import ${record.spec.name} (${record.spec.vmid}) to ${record.spec.hypervisor}`,
    target: ({ record }) => `vm/${record.spec.vmid}`,
    locks: ({ record }) => [`vm/${record.spec.vmid}`],
    onCrash: 'unwind',
    initialState: () => ({}),
    steps: ({ record, disks, left, start }) => {
      const { vmid } = record.spec;
      const folders = vmFolders(config.folders, vmid);
      return [
        reserveStep<VmImportInput>(services, record),
        {
          name: 'copy its disks',
          weight: 8,
          do: async (ctx) => {
            for (const line of left) ctx.log(line);
            await mkdir(folders.directory, { recursive: true, mode: 0o700 });
            const targets = new Map(toMachineSpec(record, config.folders).disks.map((disk) => [disk.slot, disk]));
            for (const [index, { source, format, slot }] of disks.entries()) {
              const target = targets.get(slot);
              if (target?.format !== 'qcow2' && target?.format !== 'vdi') continue;
              ctx.log(`Copying ${source} (${format}) to ${slot} (${target.format}).`);
              await copyDiskImage({ path: source, format }, { path: target.path, format: target.format }, { signal: ctx.signal });
              ctx.progress((index + 1) / disks.length);
            }
          },
          undo: () => removeVmFolders(folders),
        },
        defineStep<VmImportInput>(services, record),
        ...(start ? startSteps<VmImportInput>(services, vmid) : []),
      ];
    },
  };
}
