import { totalmem } from 'node:os';

import type { Capabilities } from '@nakhoda/schema';

import { hardwareSupport } from './hardware.ts';
import { judgeHost } from './host-facts.ts';
import type { HostFacts } from './host-facts.ts';

const vncReason = "VirtualBox's VNC extension pack is not installed; Debian's package virtualbox has it.";

/** What VirtualBox can do on a host of which these facts hold. */
export function capabilitiesOf(facts: HostFacts): Capabilities {
  const interpreter = judgeHost(facts).execution?.mode !== 'hardware';
  return {
    // `deleteWithChildren`: VirtualBox merges a snapshot into its child, as long as it has only one.
    snapshots: { live: true, memory: true, deleteWithChildren: true },
    clones: true,
    serial: true,
    guest: { exec: true, files: true },
    display: {
      vnc: facts.vncPack ? { allowed: true } : { allowed: false, reason: vncReason },
      screenshot: { allowed: true },
      keyboard: { allowed: true },
    },
    // A bridged adapter needs the driver vboxnetflt; the tunnel needs none.
    nicBackends: [facts.bridging && !interpreter ? 'bridged' : 'udp-tunnel', 'none'],
    diskFormat: 'vdi',
    pause: true,
    reset: true,
    suspend: true,
    crashPause: {
      allowed: false,
      reason:
        "VirtualBox is not told when a guest's kernel panics: the guest stands, or starts itself anew, and VirtualBox calls it running.",
    },
    // Disks on SATA.
    hotplug: ['disks', 'cdrom', 'linkUp'],
    hardware: hardwareSupport(interpreter ? 'interpreter' : 'hardware'),
    // A guest with two cores did not boot in 80 s in the interpreter, where it takes 20 s with one (7.2.22, two host cores).
    maxCores: interpreter ? 1 : 64,
    minMemoryMiB: 4,
    maxMemoryMiB: Math.floor(totalmem() / 1024 / 1024),
  };
}
