import { join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';

/** A VM's files beside its disks: records and logs in its directory, what lives as long as a run in the other. */
export interface MachinePaths {
  record: string;
  snapshots: string;
  qemuLog: string;
  /** What the supervisor is to start; gone as soon as it does. */
  qemuLaunch: string;
  /** How QEMU ended, by its supervisor. */
  qemuExit: string;
  serialLog: string;
  boot: string;
  qmpSocket: string;
  serialSocket: string;
  secondSerialSocket: string;
  agentSocket: string;
  memorySocket: string;
  /** That the VM is suspended to disk, and its memory. */
  suspended: string;
  suspendedMemory: string;
  vncSocket: string;
  /** Where QEMU puts a picture of the screen, until it has been read. */
  screen: string;
  /** What the TPM keeps, where it has one: a folder. */
  tpmState: string;
  tpmSocket: string;
  tpmLog: string;
  /** What its process is started by, and how it ended; as QEMU's. */
  tpmLaunch: string;
  tpmExit: string;
}

export function machinePaths(folders: Pick<MachineSpec, 'directory' | 'runtimeDirectory'>): MachinePaths {
  const { directory, runtimeDirectory } = folders;
  return {
    record: join(directory, 'machine.json'),
    snapshots: join(directory, 'snapshots.json'),
    qemuLog: join(directory, 'qemu.log'),
    qemuLaunch: join(directory, 'qemu.launch'),
    qemuExit: join(directory, 'qemu.exit'),
    serialLog: join(directory, 'serial.log'),
    boot: join(runtimeDirectory, 'process.json'),
    qmpSocket: join(runtimeDirectory, 'qmp.sock'),
    serialSocket: join(runtimeDirectory, 'serial.sock'),
    secondSerialSocket: join(runtimeDirectory, 'serial1.sock'),
    agentSocket: join(runtimeDirectory, 'agent.sock'),
    memorySocket: join(runtimeDirectory, 'memory.sock'),
    suspended: join(directory, 'suspended.json'),
    suspendedMemory: join(directory, 'memory.suspended'),
    vncSocket: join(runtimeDirectory, 'vnc.sock'),
    screen: join(runtimeDirectory, 'screen.ppm'),
    tpmState: join(directory, 'tpm'),
    tpmSocket: join(runtimeDirectory, 'tpm.sock'),
    tpmLog: join(directory, 'swtpm.log'),
    tpmLaunch: join(directory, 'swtpm.launch'),
    tpmExit: join(directory, 'swtpm.exit'),
  };
}

/** Everything but disks that this driver may have put into the two folders. */
export function ownFiles(folders: Pick<MachineSpec, 'directory' | 'runtimeDirectory'>): string[] {
  const paths = machinePaths(folders);
  // The TPM's state is a folder, which goes as a whole.
  const files = Object.values(paths).filter((path) => path !== paths.tpmState);
  return [...files, `${paths.qemuLog}.1`, `${paths.serialLog}.1`, `${paths.qemuExit}.new`, `${paths.tpmExit}.new`];
}
