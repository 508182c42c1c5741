import type { CloneOptions, MachineStatus } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import type { ChainImage } from './block-nodes.ts';
import { type ImageDisk, variableDisk, variableStore } from './hardware/firmware.ts';
import { imageChain } from './layers.ts';
import { type MachineRecord, placesOf } from './machine-record.ts';
import { notFoundError } from './snapshot-errors.ts';
import { findReady, type SnapshotStore } from './snapshot-tree.ts';

/** One image of a clone, and the chain of the source's images, top first, whose content it is to have. */
export interface CloneImage {
  disk: ImageDisk;
  chain: ChainImage[];
  /** `overlay`: it holds only what differs from the chain. */
  kind: 'copy' | 'overlay';
}

export interface ClonePlan {
  images: CloneImage[];
  /** Whether the TPM's state goes along. No snapshot keeps that but with memory, so it is always the present one. */
  tpm: boolean;
  /** Whether the source has the images in use for writing, so that they have to be frozen first. */
  freeze: boolean;
}

/** What is known of a machine that is to be cloned. */
export interface CloneSource {
  record: Pick<MachineRecord, 'spec' | 'base' | 'clone'>;
  store: SnapshotStore;
  status: Pick<MachineStatus, 'state' | 'suspended' | 'reason'>;
  /** A QEMU of it lives. */
  alive: boolean;
}

/**
 * Which images of the source make up each disk of the clone. Pure.
 *
 * UEFI's variables go along where both machines have them and begin them alike, and the snapshot is of them.
 *
 * @throws NakhodaError `snapshot.not-found`, `vm.wrong-state`, `vm.spec-invalid`
 */
export function planClone(source: CloneSource, { snapshot, linked, spec }: Omit<CloneOptions, 'source'>): ClonePlan {
  const { record, store, status, alive } = source;
  const { spec: from } = record;
  if (record.clone?.reading) throw stateError(from.name, 'is a clone itself that was not finished', 'Remove it, or finish it.');
  const entry = snapshot === null ? null : findReady(store, snapshot);
  if (snapshot !== null && !entry) throw notFoundError(from.name);
  // What crashed is as after a loss of power, and goes on no more than what was stopped.
  const still = status.state === 'stopped' || (status.state === 'crashed' && !alive);
  if (linked && !entry && (!still || status.suspended === true)) {
    throw stateError(
      from.name,
      `is ${status.state === 'stopped' ? 'suspended' : status.state}, so its disks go on changing under a linked clone`,
      'Stop it first, name a snapshot, or make a full clone.',
    );
  }

  const layer = entry ? entry.layer : store.active;
  const has = (slot: string): boolean => !entry || entry.disks.includes(slot);
  const chain = (slot: string): ChainImage[] => imageChain(store, placesOf(record), slot, layer);
  const images = spec.disks.map((disk): CloneImage => {
    // A disk that the VM has no more may be part of a snapshot still.
    const known = [...from.disks, ...(store.absent ?? [])].some(({ slot }) => slot === disk.slot) && has(disk.slot);
    if (!known) throw specError(`There is no ${disk.slot} in ${entry ? `the snapshot ${entry.name}` : `VM ${from.name}`}.`);
    return { disk, chain: chain(disk.slot), kind: linked ? 'overlay' : 'copy' };
  });
  const variables = from.firmware === 'uefi' && spec.firmware === 'uefi' && from.secureBoot === spec.secureBoot && has(variableStore);
  return {
    images: [...images, ...(variables ? [{ disk: variableDisk(spec.directory), chain: chain(variableStore), kind: 'copy' as const }] : [])],
    tpm: from.tpm && spec.tpm,
    freeze: alive && !entry,
  };
}

/** The record of the clone while its images are made. Pure. */
export function cloneRecord(
  { images }: ClonePlan,
  { source, spec, machineType }: { source: number; spec: MachineRecord['spec']; machineType: string },
): MachineRecord {
  const overlays = images.filter(({ kind }) => kind === 'overlay');
  const below = ({ chain }: CloneImage) => chain.map(({ path, format }) => ({ path, format }));
  return {
    format: 1,
    spec,
    machineType,
    madeDisks: images.map(({ disk }) => disk.path),
    ...(overlays.length > 0 ? { base: Object.fromEntries(overlays.map((image) => [image.disk.path, below(image)])) } : {}),
    clone: { source, reading: [...new Set(images.flatMap(({ chain }) => chain.map(({ path }) => path)))] },
  };
}

function stateError(vm: string, what: string, hint: string): NakhodaError {
  return new NakhodaError('vm.wrong-state', { message: `VM ${vm} ${what}.`, hint });
}

function specError(message: string): NakhodaError {
  return new NakhodaError('vm.spec-invalid', { message, hint: 'Give the clone the disks that its source has.' });
}
