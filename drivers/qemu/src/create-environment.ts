import { exec, findSystemd, networkOwner } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { createConfinement, type Sharing } from './confinement.ts';
import type { QemuDriverOptions } from './driver-options.ts';
import { type Environment, newestMachineType } from './environment.ts';
import { findFirmware } from './firmware-images.ts';
import { createImageTool } from './images.ts';
import { decideExecution } from './probe.ts';

/** The driver's surroundings, as its options have them. @param sharing what its machines want of each other's and of the host's */
export function createEnvironment(options: QemuDriverOptions, sharing: Sharing & Pick<Environment, 'usedHostNodes'>): Environment {
  const system = options.programs?.system ?? 'qemu-system-x86_64';
  const owner = options.owner ?? networkOwner(options.imagesDirectory);
  const confinement = createConfinement({
    owner,
    isolate: options.isolate ?? true,
    mediaFolders: options.mediaFolders ?? [],
    program: system,
    programFolders: options.programFolders ?? [],
    userfaultfd: options.userfaultfd ?? false,
    sharing,
  });
  let systemd: Promise<boolean> | null = null;
  return {
    owner,
    confinement,
    systemd: () => (systemd ??= findSystemd()),
    imagesDirectory: options.imagesDirectory,
    runDirectory: options.runDirectory,
    system,
    images: createImageTool(options.programs?.image ?? 'qemu-img'),
    execution: async () => decideExecution(await options.probeKvm()),
    async machineType(machine) {
      const { stdout } = await exec([system, '-machine', 'help'], { timeoutMs: 10_000 });
      const type = newestMachineType(stdout, machine);
      if (type !== null) return type;
      throw new NakhodaError('hypervisor.failed', {
        message: `${system} knows no machine type pc-${machine}-X.Y.`,
        hint: "Install QEMU from the distribution's package qemu-system-x86.",
      });
    },
    firmware(spec) {
      if (spec.firmware !== 'uefi') return null;
      const { plain, secure } = findFirmware();
      const images = spec.secureBoot ? secure : plain;
      if (images) return images;
      throw new NakhodaError('vm.start-failed', {
        message: 'The images of UEFI that the VM needs are not installed.',
        hint: 'Install the package ovmf, or give the VM a BIOS.',
      });
    },
    handOver: (spec, path) => confinement.handOver(spec, path),
    isHeld: sharing.isHeld,
    usedHostNodes: sharing.usedHostNodes,
    releaseTimeoutMs: options.releaseTimeoutMs ?? 30_000,
    log: options.log ?? (() => undefined),
  };
}
