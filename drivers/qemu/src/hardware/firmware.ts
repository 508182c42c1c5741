import { join } from 'node:path';

import type { MachineDisk, MachineSpec } from '@nakhoda/driver';

import { chainNodes, type ChainImage, layerNode } from '../block-nodes.ts';
import type { Part } from './parts.ts';

/** Images of UEFI for VMs: the code, which all share, and what a VM's own variables begin as. */
export interface FirmwareImages {
  code: string;
  variables: string;
}

/** A disk as far as its image goes. */
export type ImageDisk = Pick<MachineDisk, 'slot' | 'path' | 'format' | 'sizeBytes'>;

/** What names the variable store's block nodes, as `disk0` does those of a disk. */
export const variableStore = 'efivars';

/** Bytes of OVMF's variable store in its images of 4 MB: 528 KiB. */
const variableStoreBytes = 540_672;

/**
 * What UEFI keeps its variables in, as if it were a disk: boot entries, and the keys of secure boot. An image of the
 * VM's own, so that snapshots take it along with the disks.
 */
export function variableDisk(directory: string): ImageDisk {
  return { slot: variableStore, path: join(directory, 'efivars.qcow2'), format: 'qcow2', sizeBytes: variableStoreBytes };
}

/** None for a VM with a BIOS. */
export function variableDisks({ firmware, directory }: Pick<MachineSpec, 'firmware' | 'directory'>): ImageDisk[] {
  return firmware === 'uefi' ? [variableDisk(directory)] : [];
}

/** Everything that has layers of images: the disks, and what UEFI keeps its variables in. */
export function imageDisks(spec: Pick<MachineSpec, 'disks' | 'firmware' | 'directory'>): ImageDisk[] {
  return [...spec.disks, ...variableDisks(spec)];
}

/** The block nodes of UEFI's two flash chips; none for a BIOS. */
export function firmwareNodes(spec: MachineSpec, images: FirmwareImages | null, chain: readonly ChainImage[]): Part[] {
  if (spec.firmware !== 'uefi' || !images) return [];
  return [
    { 'driver': 'file', 'node-name': 'efi-file', 'filename': images.code, 'read-only': true },
    { 'driver': 'raw', 'node-name': 'efi', 'file': 'efi-file', 'read-only': true },
    ...chainNodes(variableStore, chain),
  ];
}

/** What `-machine` says of the firmware, after a comma. */
export function firmwareMachine(spec: MachineSpec, chain: readonly ChainImage[]): string {
  if (spec.firmware !== 'uefi') return '';
  return `,pflash0=efi,pflash1=${layerNode(variableStore, chain[0]?.layer ?? 0)}${spec.secureBoot ? ',smm=on' : ''}`;
}

/** With secure boot only the firmware, in system management mode, may write its variables. */
export function firmwareGlobals(spec: MachineSpec): string[] {
  return spec.secureBoot ? ['-global', 'driver=cfi.pflash01,property=secure,value=on'] : [];
}
