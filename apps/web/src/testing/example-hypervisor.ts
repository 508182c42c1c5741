import type { Capabilities, HardwareSupport, Hypervisor } from '@nakhoda/schema';

/** A usable QEMU without KVM, and what a test says of it. */
export function exampleHypervisor(
  over: Partial<Hypervisor> = {},
  capabilities: Partial<Capabilities> = {},
  hardware: Partial<HardwareSupport> = {},
): Hypervisor {
  return {
    id: 'qemu',
    node: 'local',
    usable: true,
    version: '7.2.22',
    execution: { mode: 'tcg', reason: 'KVM cannot be used.' },
    reasons: [],
    capabilities: {
      snapshots: null,
      clones: true,
      serial: true,
      guest: null,
      display: { vnc: { allowed: true }, screenshot: { allowed: true }, keyboard: { allowed: true } },
      nicBackends: ['tap'],
      diskFormat: 'qcow2',
      pause: true,
      reset: true,
      suspend: true,
      crashPause: { allowed: true },
      hotplug: [],
      hardware: {
        maxSockets: 4,
        cpuModels: ['default', 'x86-64-v2-AES'],
        machines: ['q35', 'i440fx'],
        firmwares: ['bios'],
        diskBuses: ['virtio', 'sata'],
        diskCaches: ['writeback'],
        nicModels: ['virtio', 'e1000'],
        displays: ['std', 'none'],
        watchdogs: ['none'],
        rng: true,
        maxDisplayMemoryMiB: 256,
        maxSerialPorts: 1,
        fields: ['tpm', 'ssd', 'discard', 'balloonMiB'],
        reasons: { firmware: 'UEFI needs the package ovmf.', iopsLimit: 'Not here.' },
        ...hardware,
      },
      maxCores: 8,
      minMemoryMiB: 16,
      maxMemoryMiB: 8192,
      ...capabilities,
    },
    ...over,
  };
}
