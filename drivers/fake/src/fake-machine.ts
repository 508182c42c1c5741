import { randomUUID } from 'node:crypto';

import type { MachineSpec, MachineStatus } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import { hardwareFiles } from './fake-hardware.ts';
import { type Files, dataFolder, newFiles } from './guest/guest-files.ts';

/** What a guest loses with its power. */
export interface GuestMemory {
  /** Everything outside /data, and /data too where there is no disk. */
  files: Files;
  /** Of the shell on the serial port. */
  variables: Record<string, string>;
  /** The serial port's last output, one character a byte. */
  backlog: string;
  /** Whether its file systems stand still. */
  frozen: boolean;
}

export interface FakeSnapshot {
  name: string;
  parent: string | null;
  description: string;
  createdAt: string;
  /** Slots of the disks that the machine had. */
  slots: string[];
  /** Their images. */
  paths: string[];
  disk: Files;
  memory: GuestMemory | null;
}

/** A machine as plain JSON, so that keeping it in a file and copying it into a snapshot are one line each. */
export interface FakeMachine {
  spec: MachineSpec;
  state: 'stopped' | 'running' | 'paused' | 'crashed';
  reason: string | null;
  startedAt: string | null;
  /** Paths of the disks that the driver made. */
  madeDisks: string[];
  /** What is under /data. */
  disk: Files;
  /** Null when it does not run. */
  memory: GuestMemory | null;
  /** Memory that lies on disk, for the next start. */
  suspendedMemory?: GuestMemory | null;
  snapshots: FakeSnapshot[];
  currentSnapshot: string | null;
}

export const fakeExecution = { mode: 'fake', reason: 'The fake driver runs nothing: its guests are a few objects in memory.' } as const;

export function newMachine(spec: MachineSpec): FakeMachine {
  return {
    spec,
    state: 'stopped',
    reason: null,
    startedAt: null,
    madeDisks: [],
    disk: { [dataFolder]: null },
    memory: null,
    snapshots: [],
    currentSnapshot: null,
  };
}

export function powerOn(machine: FakeMachine): void {
  const { spec } = machine;
  machine.memory = machine.suspendedMemory ?? {
    files: newFiles({
      '/etc/hostname': `${spec.name}\n`,
      '/proc/sys/kernel/random/boot_id': `${randomUUID()}\n`,
      ...hardwareFiles(spec),
    }),
    variables: { HOME: '/root', PATH: '/bin' },
    backlog: '',
    frozen: false,
  };
  if (spec.disks.length === 0) machine.disk = { [dataFolder]: null };
  machine.suspendedMemory = null;
  machine.state = 'running';
  machine.reason = null;
  machine.startedAt = new Date().toISOString();
}

export function powerOff(machine: FakeMachine): void {
  machine.memory = null;
  machine.state = 'stopped';
  machine.reason = null;
  machine.startedAt = null;
}

export function statusOf(machine: FakeMachine): MachineStatus {
  return {
    vmid: machine.spec.vmid,
    uuid: machine.spec.uuid,
    state: machine.state,
    ...(machine.reason === null ? {} : { reason: machine.reason }),
    ...(machine.memory ? { execution: fakeExecution } : {}),
    ...(machine.state === 'crashed' && machine.memory ? { standing: true } : {}),
    ...(machine.startedAt === null ? {} : { startedAt: machine.startedAt }),
    ...(machine.suspendedMemory ? { suspended: true } : {}),
    ...(machine.currentSnapshot === null ? {} : { currentSnapshot: machine.currentSnapshot }),
  };
}

/** The memory of a running guest. @throws NakhodaError `guest.not-running` */
export function memoryOf(machine: FakeMachine): GuestMemory {
  if (machine.memory) return machine.memory;
  throw new NakhodaError('guest.not-running', {
    message: `VM ${machine.spec.vmid} is ${machine.state}, so nothing in it can answer.`,
    hint: 'Start the VM first.',
  });
}
