import { checkDiskSize } from '@nakhoda/host';
import { defaultDisk, defaultHardware, defaultNic } from '@nakhoda/driver';
import type { Capabilities, HypervisorId, VmCreate, VmDisk, VmSpec } from '@nakhoda/schema';
import { NakhodaError } from '@nakhoda/schema';

import { planCloudInitSettings } from './cloud-init-settings.ts';
import { chooseMac } from './mac-addresses.ts';
import { defaultCores, defaultDiskGiB, defaultMemoryMiB, defaultOptions } from './vm-defaults.ts';

/** What the planner has to know of the world; all of it observed before. */
export interface VmPlanFacts {
  node: string;
  capabilities: Capabilities;
  takenVmids: ReadonlySet<number>;
  /** Lower case: two names that differ in case alone would be one host name. */
  takenNames: ReadonlySet<string>;
  networks: ReadonlySet<string>;
  pool: { name: string; totalBytes: number };
  hostMemoryMiB: number;
  /** Of the request's `ciPassword`; null for an empty one, and where it names none. */
  passwordHash?: string | null;
  uuid: string;
  /** MAC addresses of all VMs of both hypervisors. */
  takenMacs: ReadonlySet<string>;
  /** Three random bytes for each NIC's MAC address. */
  macBytes: readonly [number, number, number];
  now: string;
}

/**
 * A request to make a VM, and the facts, to the spec of the new VM. Pure.
 * @throws NakhodaError for whatever makes it impossible, before anything was touched
 */
export function planVm(request: VmCreate, facts: VmPlanFacts): VmSpec {
  if (request.node !== undefined && request.node !== facts.node) {
    throw new NakhodaError('node.not-found', {
      message: `There is no node called ${request.node}.`,
      hint: `This one is called ${facts.node}.`,
    });
  }
  if (facts.takenNames.has(request.name.toLowerCase())) {
    throw new NakhodaError('vm.name-taken', {
      message: `A VM called ${request.name} exists already.`,
      hint: 'Choose another name, or destroy that VM first. `nakhoda vm list` shows all of them.',
    });
  }
  if (request.network !== undefined && !facts.networks.has(request.network)) {
    throw new NakhodaError('network.not-found', {
      message: `There is no network called ${request.network}.`,
      hint: `Make it first: nakhoda network create ${request.network} --cidr 10.77.0.0/24 --dhcp`,
    });
  }
  if (request.mac !== undefined && request.network === undefined) {
    throw new NakhodaError('request.invalid', {
      message: 'A MAC address is given, and no network: the VM would have no NIC.',
      hint: 'Name the network too: --network lab',
    });
  }
  const memoryMiB = request.memoryMiB ?? defaultMemoryMiB;
  const cores = request.cores ?? defaultCores;
  checkLimits({ cores, memoryMiB, hypervisor: request.hypervisor }, facts);

  const vmid = chooseVmid(request.vmid, facts.takenVmids);
  const { diskFormat, hardware } = facts.capabilities;
  const sizeGiB = request.diskGiB ?? defaultDiskGiB;
  checkDiskSize(sizeGiB * 1024 ** 3, facts.pool);
  return {
    vmid,
    name: request.name,
    uuid: facts.uuid,
    node: facts.node,
    hypervisor: request.hypervisor,
    cores,
    memoryMiB,
    ...settingsOf(request, { ...defaultHardware(hardware), ...defaultOptions }),
    disks: [
      {
        slot: 'disk0',
        volume: `${facts.pool.name}:images/${vmid}/disk-0.${diskFormat}`,
        format: diskFormat,
        sizeGiB,
        ...diskOf(request, defaultDisk(hardware)),
      },
    ],
    cdrom: request.cdrom ?? null,
    nics:
      request.network === undefined
        ? []
        : [
            {
              slot: 'net0',
              network: request.network,
              mac: chooseMac(request.mac, facts),
              ...defaultNic(hardware),
              ...(request.nicModel === undefined ? {} : { model: request.nicModel }),
            },
          ],
    cloudInit: planCloudInitSettings(null, request, facts.passwordHash ?? null),
    createdAt: facts.now,
  };
}

/** The defaults, with what the request names in their place. */
function settingsOf<Settings extends object>(request: VmCreate, defaults: Settings): Settings {
  const named = Object.entries(request).filter(([field, value]) => field in defaults && value !== undefined);
  return { ...defaults, ...Object.fromEntries(named) };
}

function diskOf(request: VmCreate, usual: ReturnType<typeof defaultDisk>): ReturnType<typeof defaultDisk> & Pick<VmDisk, 'iothread'> {
  return {
    bus: request.diskBus ?? usual.bus,
    cache: request.diskCache ?? usual.cache,
    discard: request.diskDiscard ?? usual.discard,
    ssd: request.diskSsd ?? usual.ssd,
    ...(request.diskIothread === undefined ? {} : { iothread: request.diskIothread }),
    iopsLimit: request.diskIopsLimit ?? usual.iopsLimit,
    mbpsLimit: request.diskMbpsLimit ?? usual.mbpsLimit,
  };
}

function chooseVmid(wanted: number | undefined, taken: ReadonlySet<number>): number {
  if (wanted === undefined) {
    let vmid = 100;
    while (taken.has(vmid)) vmid += 1;
    return vmid;
  }
  if (taken.has(wanted)) {
    throw new NakhodaError('vm.vmid-taken', {
      message: `vmid ${wanted} belongs to another VM.`,
      hint: 'Choose another number, or leave --vmid out and get the next free one.',
    });
  }
  return wanted;
}

function checkLimits(wanted: { cores: number; memoryMiB: number; hypervisor: HypervisorId }, facts: VmPlanFacts): void {
  const { minMemoryMiB, maxMemoryMiB, maxCores } = facts.capabilities;
  const most = Math.min(maxMemoryMiB, facts.hostMemoryMiB);
  if (wanted.memoryMiB < minMemoryMiB || wanted.memoryMiB > most) {
    throw new NakhodaError('vm.spec-invalid', {
      message: `${wanted.memoryMiB} MiB of memory is outside what ${wanted.hypervisor} can give on this host: ${minMemoryMiB} to ${most} MiB.`,
      hint: 'Choose --memory within that range.',
    });
  }
  if (wanted.cores > maxCores) {
    throw new NakhodaError('vm.spec-invalid', {
      message: `${wanted.cores} cores are more than ${wanted.hypervisor} can give: ${maxCores}.`,
      hint: `Choose --cores between 1 and ${maxCores}.`,
    });
  }
}
