import { isDeepStrictEqual } from 'node:util';

import { NakhodaError, type Snapshot, type VmAction } from '@nakhoda/schema';

import type { VmPlan, VmRecord } from './vm-record.ts';

const notOfTemplates: ReadonlySet<VmAction> = new Set(['start', 'snapshot-take', 'snapshot-rollback', 'snapshot-delete']);

/** Why a VM that is a template does not take the action; null for one that may. Pure. */
export function templateRefusal({ spec }: VmRecord, action: VmAction): string | null {
  return spec.template && notOfTemplates.has(action) ? 'The VM is a template.' : null;
}

/** @throws NakhodaError `vm.is-template` when a template does not take the action. Pure. */
export function refuseTemplate(record: VmRecord, action: VmAction): void {
  if (templateRefusal(record, action) === null) return;
  const { name } = record.spec;
  throw new NakhodaError('vm.is-template', {
    message: `${name} is a template: it neither starts nor has snapshots, so that its disks stay as they are.`,
    hint: `Clone it: nakhoda vm clone ${name} NAME. Or make it an ordinary VM again: nakhoda vm set ${name} --template no`,
  });
}

/** VMs whose disks lie on those of this one. Pure. */
export function linkedClones(vmid: number, all: readonly VmRecord[]): VmRecord[] {
  return all.filter(({ spec }) => spec.linkedTo?.vmid === vmid);
}

/** Refuses to delete a VM that linked clones lie on. Pure. @throws NakhodaError `vm.has-clones` */
export function refuseClonedVm({ spec }: VmRecord, all: readonly VmRecord[]): void {
  const clones = linkedClones(spec.vmid, all);
  if (clones.length > 0) throw clonesError(`${spec.name} cannot be deleted`, clones);
}

/**
 * Refuses to delete a snapshot that a linked clone was made of, or one that such a snapshot grows from: the clone's disks
 * lie on all of them. Pure. @throws NakhodaError `vm.has-clones`
 */
export function refuseClonedSnapshot({ spec }: VmRecord, name: string, snapshots: readonly Snapshot[], all: readonly VmRecord[]): void {
  const parents = new Map(snapshots.map((snapshot) => [snapshot.name, snapshot.parent]));
  const needs = (from: string | null): boolean => {
    const seen = new Set<string>();
    for (let at = from; at !== null && !seen.has(at); at = parents.get(at) ?? null) {
      if (at === name) return true;
      seen.add(at);
    }
    return false;
  };
  const clones = linkedClones(spec.vmid, all).filter(({ spec: clone }) => needs(clone.linkedTo?.snapshot ?? null));
  if (clones.length > 0) throw clonesError(`The snapshot ${name} of ${spec.name} cannot be deleted`, clones);
}

/** What has to be known of a VM that is to become a template. */
export interface TemplateFacts {
  stopped: boolean;
  suspended: boolean;
  snapshots: readonly Snapshot[];
  all: readonly VmRecord[];
}

/**
 * Refuses to make a VM a template, to make one a VM again, or to change a template's disks, where that cannot be. Pure.
 * @throws NakhodaError `vm.is-template`, `vm.has-clones`, `vm.wrong-state`
 */
export function refuseTemplateChange(before: VmRecord, after: VmPlan, facts: TemplateFacts): void {
  const { name, vmid, template } = before.spec;
  if (template && after.spec.template && !isDeepStrictEqual(before.spec.disks, after.spec.disks)) {
    throw new NakhodaError('vm.is-template', {
      message: `${name} is a template, so its disks do not change.`,
      hint: `Change the disks of its clones. Or make it an ordinary VM again: nakhoda vm set ${name} --template no`,
    });
  }
  if (template === after.spec.template) return;
  if (template) {
    const clones = linkedClones(vmid, facts.all);
    if (clones.length > 0) throw clonesError(`${name} stays a template`, clones);
    return;
  }
  const refuse = (message: string, hint: string): never => {
    throw new NakhodaError('vm.wrong-state', { message, hint });
  };
  if (!facts.stopped) refuse(`${name} runs, and a template does not.`, `Shut it down first: nakhoda vm shutdown ${name}`);
  if (facts.suspended)
    refuse(`${name} is suspended: its memory on disk is meant to go on.`, `Discard it first: nakhoda vm discard ${name}`);
  const [snapshot] = facts.snapshots;
  if (snapshot)
    refuse(
      `${name} has the snapshot ${snapshot.name}, and a template has none.`,
      `Delete its snapshots, or make a template of a full clone: nakhoda vm clone ${name} NAME --snapshot ${snapshot.name}`,
    );
}

function clonesError(what: string, clones: readonly VmRecord[]): NakhodaError {
  const names = clones.map(({ spec }) => spec.name);
  const shown = names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
  return new NakhodaError('vm.has-clones', {
    message: `${what}, for the disks of linked clones lie on it: ${shown}.`,
    hint: `Destroy them first, or keep what they hold in full clones: nakhoda vm clone ${names[0] ?? ''} NAME --linked no`,
    details: { clones: clones.map(({ spec }) => spec.vmid) },
  });
}
