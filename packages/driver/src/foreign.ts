import type { Adopted, ForeignVm, VmDisk } from '@nakhoda/schema';

import type { DriverContext, MachineHardware, MachineNic, MachineSpec } from './driver.ts';

/** A user of the host, and where the user's own copy of the hypervisor keeps its settings. */
export interface ForeignOwner {
  user: string;
  uid: number;
  gid: number;
  home: string;
  /** Absolute; null: where the hypervisor has them by default. */
  settings: string | null;
}

/** What of a foreign VM a record of ours can say. */
export interface FoundHardware {
  hardware: MachineHardware;
  cores: number;
  memoryMiB: number;
  disks: (Omit<VmDisk, 'volume' | 'sizeGiB'> & { path: string; sizeBytes: number })[];
  /** Of the first CD drive; null where it is empty or there is none. */
  cdrom: string | null;
  /** NICs of models that we know. */
  nics: Pick<MachineNic, 'slot' | 'mac' | 'model'>[];
  notes: string;
  adopted: Omit<Adopted, 'vmid' | 'user' | 'name' | 'file'>;
  /** What is not taken over, or rests until the VM is given back; whole sentences for the task's log. */
  left: string[];
}

/** A foreign VM as it was read. */
export interface ForeignSurvey {
  /** `adoptable` as far as the driver can tell. */
  vm: ForeignVm;
  /** Null when something of it cannot be had by a VM of ours; the VM's `reasons` say what. */
  found: FoundHardware | null;
}

/**
 * VMs that users of the host have in their own copies of the hypervisor. `list` only reads files. The calls of an
 * adoption come in this order, and are undone in reverse; each is idempotent, and works from what `keep` has written.
 */
export interface ForeignFacet {
  /** @throws NakhodaError `foreign.not-adoptable` when the user's settings cannot be read as a whole */
  list(ctx: DriverContext, options: { owner: ForeignOwner }): Promise<ForeignSurvey[]>;
  /** Writes down, in the VM's own folder, what the way back needs. Touches nothing of the user's. @throws `foreign.not-adoptable` */
  keep(ctx: DriverContext, options: { owner: ForeignOwner; spec: MachineSpec }): Promise<void>;
  /** Takes the VM out of the user's list, and its files into the daemon's hands. @throws `foreign.not-adoptable` */
  take(ctx: DriverContext, options: { directory: string }): Promise<void>;
  /** Everything as it was before `take`: content, owner and mode of files, and the user's list. */
  giveBack(ctx: DriverContext, options: { directory: string }): Promise<void>;
  /** Makes the VM one of the driver's own. */
  adopt(ctx: DriverContext, options: { spec: MachineSpec }): Promise<void>;
  /** Undoes `adopt`; disks and snapshots stay. */
  forget(ctx: DriverContext, options: { spec: MachineSpec }): Promise<void>;
  /**
   * Gives a stopped VM back to its user with what became of it, under its former name and in the user's list; it is
   * none of the driver's then. @throws `foreign.not-adoptable` before anything is touched, `vm.wrong-state`
   */
  release(ctx: DriverContext, options: { spec: MachineSpec }): Promise<void>;
}
