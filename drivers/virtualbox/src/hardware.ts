import { fixedHardware } from '@nakhoda/driver';
import type { Execution, HardwareSupport } from '@nakhoda/schema';

const reasons: Record<string, string> = {
  sockets: 'VirtualBox has one socket with all the cores.',
  cpuModel: "VirtualBox gives the host's own processor; its profiles of others are records of single old ones, for trials.",
  cpuShares: 'VirtualBox has no shares of processor time.',
  balloonMiB: "VirtualBox's balloon works by the Guest Additions in the guest, whose state Nakhoda cannot see.",
  memoryMaxMiB: 'VirtualBox can give a running VM no more memory.',
  diskBus: 'VirtualBox has no virtio-blk; scsi is its virtio-scsi.',
  diskCache: "VirtualBox uses the host's cache or goes past it, and passes flushes on or ignores them; it knows no other way.",
  iopsLimit: 'VirtualBox limits bytes a second, not operations.',
  nicModel: 'VirtualBox has no such card.',
  display: 'VirtualBox has VBoxVGA (std), VMSVGA (vmware), or none.',
  serialPorts: "VirtualBox's second serial port is the guest agent's.",
  rng: 'VirtualBox has no such device.',
  watchdog: 'VirtualBox has no such device.',
  hostDevices: 'VirtualBox gave up PCI passthrough in 6.1, and its USB passthrough is not offered: there was no device to try it with.',
};

/** Measured with 7.2.22 on two cores; see decision 0012. */
const interpreterReasons: Record<string, string> = {
  firmware: "VirtualBox's UEFI does not come up in its interpreter: it had shown nothing after two minutes and a half.",
  secureBoot: "VirtualBox's UEFI does not come up in its interpreter.",
  cpuLimit: "VirtualBox's interpreter does not look at the limit.",
};

/** Which hardware VirtualBox gives a guest that is executed so; what was found out about each is in decision 0012. */
export function hardwareSupport(mode: Execution['mode']): HardwareSupport {
  const interpreter = mode !== 'hardware';
  return {
    ...fixedHardware,
    cpuModels: ['default', 'host'],
    // The first is what a new VM gets: what boots fastest in the interpreter (ICH9 costs 2 s there, and so does AHCI).
    machines: ['i440fx', 'q35'],
    firmwares: interpreter ? ['bios'] : ['bios', 'uefi'],
    diskBuses: interpreter ? ['ide', 'sata', 'scsi', 'nvme'] : ['sata', 'ide', 'scsi', 'nvme'],
    diskCaches: ['writeback', 'none', 'unsafe'],
    nicModels: ['e1000', 'virtio', 'pcnet'],
    displays: ['vmware', 'std', 'none'],
    maxDisplayMemoryMiB: 256,
    rng: false,
    fields: [...['tpm', 'audio', 'bootOrder', 'discard', 'ssd', 'mbpsLimit', 'linkUp'], ...(interpreter ? [] : ['secureBoot', 'cpuLimit'])],
    reasons: { ...reasons, ...(interpreter ? interpreterReasons : {}) },
  };
}
