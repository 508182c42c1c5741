import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { ProbeResult } from '@nakhoda/driver';
import { virtualBoxPrograms } from '@nakhoda/host';
import type { VirtualBoxRuntime } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';
import type { Execution } from '@nakhoda/schema';

/** What decides how VirtualBox can run guests on this host. */
export interface HostFacts {
  /** The run time's version, or null when there is none. */
  version: string | null;
  /** True when entering the run time needs root and this process is not. */
  lacksRoot: boolean;
  /** Program of the interpreter's that is not installed; null when none is missing. */
  missingProgram: string | null;
  /** Version of the loaded kernel driver vboxdrv; null when it is not loaded. */
  driverVersion: string | null;
  /** True when the device that the driver makes is there. */
  driverDevice: boolean;
  /** True when the processor offers VT-x or AMD-V to this host. */
  virtualizationFlag: boolean;
  /** True when the driver for bridged adapters is loaded. */
  bridging: boolean;
  /** True when VirtualBox's VNC extension pack is installed, which is free and part of Debian's package. */
  vncPack: boolean;
}

/** VirtualBoxVM needs an X server even where nobody looks. */
export const xvfbProgram = '/usr/bin/Xvfb';
const vncModule = `${virtualBoxPrograms}/ExtensionPacks/VNC/linux.amd64/VBoxVNC.so`;
const interpreterPrograms = [`${virtualBoxPrograms}/VirtualBoxVM`, xvfbProgram];

/** Looks at /dev, /sys and /proc; a few file reads. */
export function readHostFacts(runtime: VirtualBoxRuntime | null): HostFacts {
  return {
    version: runtime?.version ?? null,
    lacksRoot: runtime?.kind === 'isolated' && process.getuid?.() !== 0,
    missingProgram: runtime === null ? null : (interpreterPrograms.find((path) => !existsSync(join(runtime.root ?? '/', path))) ?? null),
    driverVersion: readText('/sys/module/vboxdrv/version'),
    driverDevice: existsSync('/dev/vboxdrv'),
    virtualizationFlag: hasVirtualizationFlag(),
    bridging: existsSync('/sys/module/vboxnetflt'),
    vncPack: runtime !== null && existsSync(join(runtime.root ?? '/', vncModule)),
  };
}

let virtualizationFlag: boolean | undefined;
/** Read once: a processor does not change, and the kernel takes milliseconds to describe it. */
function hasVirtualizationFlag(): boolean {
  virtualizationFlag ??= /^flags\s*:.*\b(vmx|svm)\b/m.test(readText('/proc/cpuinfo') ?? '');
  return virtualizationFlag;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

/** The part of a version that driver and programs must share: `7.2.22` of `7.2.22_Debianr175245`. */
export function releaseOf(version: string): string {
  return /^\d+\.\d+\.\d+/.exec(version)?.[0] ?? version;
}

/** How guests are executed here, or why they cannot be. */
export function judgeHost(facts: HostFacts): ProbeResult {
  const unusable = (reason: string, remedy: string): ProbeResult => ({
    usable: false,
    version: facts.version,
    execution: null,
    reasons: [reason],
    remedy,
  });
  if (facts.version === null) return unusable('VirtualBox is not installed.', 'Run `./nakhoda setup virtualbox`.');
  if (facts.lacksRoot) return unusable('The isolated VirtualBox can be entered by root only.', 'Run the daemon as root.');

  const driver = releaseOf(facts.driverVersion ?? '');
  const loaded = facts.driverVersion !== null && facts.driverDevice;
  // 7.2.10 with its driver on kernel 6.16 or later panics the host: github.com/VirtualBox/virtualbox issues 711 and 712.
  if (loaded && driver === '7.2.10') {
    return unusable(
      'The kernel driver of VirtualBox 7.2.10 is loaded, and this release can bring the host down.',
      'Install VirtualBox 7.2.14 or later.',
    );
  }
  const why = interpreterReason(facts, loaded, driver);
  if (why !== null && facts.missingProgram !== null) {
    return unusable(
      `${why.reason} VirtualBox's interpreter needs ${facts.missingProgram}, which is not installed.`,
      'Run `./nakhoda setup virtualbox`, or install the packages virtualbox-qt and xvfb.',
    );
  }
  if (why === null) {
    const execution: Execution = {
      mode: 'hardware',
      reason: `The kernel driver vboxdrv ${facts.driverVersion} is loaded and the processor has VT-x or AMD-V.`,
    };
    return { usable: true, version: facts.version, execution, reasons: [] };
  }
  return {
    usable: true,
    version: facts.version,
    execution: { mode: 'interpreter', reason: why.reason },
    reasons: [`${why.reason} Guests run in VirtualBox's interpreter, many times slower, with one core each.`],
    remedy: why.remedy,
  };
}

/** How guests are executed here. @throws NakhodaError `hypervisor.unusable` */
export function needExecution(facts: HostFacts): Execution {
  const { execution, reasons, remedy } = judgeHost(facts);
  if (execution !== null) return execution;
  throw new NakhodaError('hypervisor.unusable', { message: reasons.join(' '), hint: remedy ?? 'Run `./nakhoda host check`.' });
}

function interpreterReason(facts: HostFacts, loaded: boolean, driver: string): { reason: string; remedy: string } | null {
  if (!loaded) {
    return {
      reason: "VirtualBox's kernel driver vboxdrv is not loaded.",
      remedy: 'On a host with VT-x or AMD-V, install virtualbox-dkms and run `modprobe vboxdrv`.',
    };
  }
  if (driver !== releaseOf(facts.version ?? '')) {
    return {
      reason: `The loaded kernel driver is ${facts.driverVersion}, but VirtualBox is ${facts.version}.`,
      remedy: 'Install the same release of both.',
    };
  }
  if (!facts.virtualizationFlag) {
    return {
      reason: 'The processor offers this host neither VT-x nor AMD-V.',
      remedy: 'Switch virtualization on in the firmware, or nested virtualization in the host above.',
    };
  }
  return null;
}
