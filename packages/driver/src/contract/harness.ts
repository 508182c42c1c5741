import type { HypervisorId } from '@nakhoda/schema';

import type { Driver, MachineDisk, MachineSpec, NicAttachment } from '../driver.ts';

/** How long this hypervisor may take on the slowest host it is tested on. All in seconds. */
export interface ContractLimits {
  /** From `start` until the tiny guest answers. Default 60. */
  boot: number;
  /** A call that asks no guest: define, start, stop by power-off, undefine. Default 30. */
  call: number;
  /** A graceful shutdown of the tiny guest. Default 60. */
  shutdown: number;
  /** A short command in the guest. Default 20. */
  exec: number;
  /** Taking, restoring or deleting a snapshot. Default 60. */
  snapshot: number;
  /** From a change's cause to its event. The contract says 1. */
  event: number;
}

/** What a driver's test supplies: real folders, a real guest, and the means to do it harm. */
export interface ContractHarness {
  /** A fresh instance on the same data folders each time: what a restart of the daemon makes. */
  makeDriver(): Promise<Driver> | Driver;
  /**
   * A valid description of a VM that boots the tiny guest, with a vmid and two folders of its own that exist
   * and are empty; `machineSpec` helps to make it. Overrides replace whole fields.
   */
  spec(overrides?: Partial<MachineSpec>): Promise<MachineSpec> | MachineSpec;
  /** Ends the VM's process with SIGKILL behind the driver's back. Works while no driver is open, too. */
  killMachine(vmid: number): Promise<void>;
  /** Makes the kernel of a running guest panic. Needed where the driver keeps such guests for a look. */
  panicGuest?(driver: Driver, vmid: number): Promise<void>;
  /** Everything of these VMs that is still on the host, one line each: files, processes, registrations, sockets. */
  leftovers(): Promise<string[]>;
  /** Removes the test's own folders. */
  dispose(): Promise<void>;
  /** Bytes of the disk in an image. Default: as the header of a qcow2 or VDI image tells. */
  imageBytes?(path: string): Promise<number>;
  limits?: Partial<ContractLimits>;
  /** Cores that a redefinition asks for. Default 2; 1 where a second would be too slow. */
  cores?: number;
  /** What the first NIC of `spec()` is attached to, where that gives it a link. Default: it has none, and links are not tried. */
  cable?: NicAttachment;
  /** False where the guest of `spec()` can take no memory while it runs: then that is not tried. Default true. */
  takesMemory?: boolean;
  /** False where a boot is too dear: then another test has to show what a full clone of a running VM holds. */
  bootsFullClones?: boolean;
  /** What a disk has to be like to come while the guest runs, other than by default. */
  hotplugDisk?: Partial<Pick<MachineDisk, 'bus' | 'cache' | 'discard' | 'iothread'>>;
}

export interface DriverContractOptions {
  name: HypervisorId;
  /** What is told beside the name, where a driver passes the suite more than once: such as the hypervisor's version. */
  variant?: string;
  /** Titles of the chapters that are left out: another run of the suite has them. Default: none. */
  leftOut?: readonly string[];
  /** When true, a hypervisor that is unusable here fails the suite instead of skipping it. See `isRequired`. */
  required: boolean;
  makeHarness(): Promise<ContractHarness> | ContractHarness;
}

export const defaultLimits: ContractLimits = { boot: 60, call: 30, shutdown: 60, exec: 20, snapshot: 60, event: 1 };
