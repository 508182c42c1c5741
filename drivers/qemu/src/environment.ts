import { exec } from '@nakhoda/host';
import type { MachineSpec } from '@nakhoda/driver';
import type { Execution, MachineName } from '@nakhoda/schema';

import type { FirmwareImages } from './hardware/firmware.ts';

import type { Confinement } from './confinement.ts';
import type { ImageTool } from './images.ts';

/** What the driver's parts share. */
export interface Environment {
  readonly imagesDirectory: string;
  readonly runDirectory: string;
  /** The QEMU program. */
  readonly system: string;
  readonly images: ImageTool;
  /** What each VM's QEMU may reach. */
  readonly confinement: Confinement;
  /** Marks what this driver makes on the host beside files: control groups, units. */
  readonly owner: string;
  /** Whether VMs are to be units of systemd. */
  systemd(): Promise<boolean>;
  /** How a guest would be executed now, and why so. */
  execution(): Promise<Execution>;
  /** The machine type for new VMs of a chipset. */
  machineType(machine: MachineName): Promise<string>;
  /** The images of the VM's firmware; null for a BIOS, which QEMU brings. @throws NakhodaError `vm.start-failed` when they are gone */
  firmware(spec: Pick<MachineSpec, 'firmware' | 'secureBoot'>): FirmwareImages | null;
  /** The one place where a file or socket that the daemon made for a VM's QEMU gets the owner and mode that QEMU needs. */
  handOver(spec: MachineSpec, path: string): Promise<void>;
  /** Whether another machine needs the image as it is: a linked clone, or one that is being copied from it. */
  readonly isHeld: (path: string) => boolean;
  /** Nodes of the host's devices that running VMs other than this one have, with the VM's name. */
  usedHostNodes(vmid: number): ReadonlyMap<string, string>;
  /** How long a guest may take to let go of a device; one that does not run its kernel never does. */
  readonly releaseTimeoutMs: number;
  readonly log: (line: string) => void;
}

/** Empties and missing bits do not matter to whoever compares two specs, but the order of disks and NICs does. */
export function sameSpec(a: MachineSpec, b: MachineSpec): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([key, member]) => [key, canonical(member)]),
  );
}

/** `QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)` gives `7.2.22`. */
export function parseVersion(output: string): string | null {
  return /version (\d+\.\d+(?:\.\d+)?)/.exec(output)?.[1] ?? null;
}

/**
 * The newest of upstream's types of a chipset in the output of `-machine help`. Distributions add types of their own
 * (Ubuntu's `pc-q35-noble`), which no other QEMU knows, so the alias `q35` is not followed.
 */
export function newestMachineType(help: string, machine: MachineName): string | null {
  const types = [...help.matchAll(new RegExp(`^pc-${machine}-(\\d+)\\.(\\d+)\\s`, 'gm'))].map((match) => ({
    major: Number(match[1]),
    minor: Number(match[2]),
  }));
  const newest = types.toSorted((a, b) => b.major - a.major || b.minor - a.minor)[0];
  return newest ? `pc-${machine}-${newest.major}.${newest.minor}` : null;
}

export async function readVersion(program: string): Promise<string | null> {
  return parseVersion((await exec([program, '--version'], { timeoutMs: 10_000 })).stdout);
}
