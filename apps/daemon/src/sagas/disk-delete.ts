import { join } from 'node:path';

import { fileExists } from '@nakhoda/host';
import type { TaskKind } from '@nakhoda/tasks';

import type { Services } from '../services/context.ts';
import { findUnused, unusedDisks } from '../services/unused-disks.ts';
import { vmFolders } from '../services/vm-record.ts';
import type { VmInput } from './vm-power.ts';
import { requireRecord, requireUnprotected } from './vm-steps.ts';

interface DiskDeleteInput extends VmInput {
  slot: string;
  /** The image's name. */
  file: string;
}

/** Deletes an image that a VM does not use. The record does not change: it does not name it. */
export function diskDeleteSaga(services: Services): TaskKind<DiskDeleteInput, object, void> {
  const { hypervisors, config } = services;
  const pathOf = (vmid: number, file: string): string => join(vmFolders(config.folders, vmid).directory, file);
  return {
    kind: 'disk.delete',
    title: ({ name, vmid, slot }) => `Delete the image ${slot} of ${name} (${vmid})`,
    target: ({ vmid }) => `vm/${vmid}`,
    locks: ({ vmid }) => [`vm/${vmid}`],
    initialState: () => ({}),
    onCrash: 'resume',
    steps: ({ vmid, slot, file }) => [
      {
        name: 'look whether anything has it',
        do: async () => {
          const record = requireRecord(services, vmid);
          requireUnprotected(record);
          // Deleted by a task that was interrupted.
          if (await fileExists(pathOf(vmid, file))) findUnused(record.spec, await unusedDisks(services, record), slot);
        },
      },
      {
        name: 'delete the image',
        cancellable: false,
        do: async (ctx) => {
          const { spec } = requireRecord(services, vmid);
          await hypervisors.driver(spec.hypervisor).deleteImage(ctx, { vmid, path: pathOf(vmid, file) });
        },
      },
    ],
  };
}
