import { randomBytes, randomUUID } from 'node:crypto';
import { totalmem } from 'node:os';

import { checkVolume, findTinyIso, planNetwork, poolUsage, readHostNetwork, sha512Crypt } from '@nakhoda/host';
import type { Driver } from '@nakhoda/driver';
import { NakhodaError, type NetworkCreate, type NetworkSpec, type VmCreate, type VmSet, type VmSpec } from '@nakhoda/schema';

import type { Services } from './context.ts';
import { quietContext } from './hypervisors.ts';
import { freshMacBytes, takenMacs } from './mac-addresses.ts';
import { planVmSet } from './vm-change.ts';
import { planVm, type VmPlanFacts } from './vm-planner.ts';
import { toMachineSpec, type VmPlan, type VmRecord } from './vm-record.ts';

/** The one pool there is: the data folder. */
export const localPool = 'local';

/**
 * Everything that can be found wrong with a new VM is found here, before a task is made for it.
 * @throws NakhodaError
 */
export async function planNewVm(services: Services, request: VmCreate): Promise<VmRecord> {
  const { hypervisors } = services;
  const driver = await hypervisors.usable(request.hypervisor);
  const cdromPath = request.cdrom === undefined ? null : await resolveCdrom(services, request.cdrom);
  const spec = planVm(request, { ...(await planFacts(services, driver)), passwordHash: hashOf(request.ciPassword) });
  return promiseRecord(services, driver, spec, cdromPath);
}

/** What the planners of new VMs have to know, observed now. */
export async function planFacts({ inventory, networks, config }: Services, driver: Driver): Promise<VmPlanFacts> {
  const pool = await poolUsage(config.folders.images);
  const records = inventory.records();
  const [a, b, c] = freshMacBytes(takenMacs(records));
  return {
    node: config.node,
    capabilities: driver.capabilities(),
    takenVmids: new Set([...records.map((record) => record.spec.vmid), ...inventory.promisedVmids]),
    takenNames: new Set(records.map((record) => record.spec.name.toLowerCase())),
    networks: new Set(networks.specs().map((network) => network.name)),
    pool: { name: localPool, totalBytes: pool.totalBytes },
    hostMemoryMiB: Math.floor(totalmem() / 1024 ** 2),
    uuid: randomUUID(),
    macBytes: [a, b, c],
    takenMacs: takenMacs(records),
    now: new Date().toISOString(),
  };
}

/**
 * The record of a planned VM, with its vmid and ports promised to it, when its driver finds no fault in it.
 * @throws NakhodaError `vm.spec-invalid`
 */
export async function promiseRecord(services: Services, driver: Driver, spec: VmSpec, cdromPath: string | null): Promise<VmRecord> {
  const { inventory, networks } = services;
  inventory.promisedVmids.add(spec.vmid);
  try {
    const attachments = await networks.planAttachments({ spec, cdromPath }, driver.capabilities().nicBackends);
    const record: VmRecord = { spec, attachments, cdromPath };
    requireValid(services, driver, record);
    return record;
  } catch (error) {
    inventory.promisedVmids.delete(spec.vmid);
    throw error;
  }
}

/** @throws NakhodaError `vm.spec-invalid` with the first fault that the driver finds; `vm.unsupported` for a crash policy that it has not */
export function requireValid({ config }: Services, driver: Driver, plan: VmPlan): void {
  const { crashPause } = driver.capabilities();
  if (plan.spec.crashPolicy === 'pause' && !crashPause.allowed) {
    throw new NakhodaError('vm.unsupported', {
      message: `crashPolicy: ${plan.spec.hypervisor} keeps no guest for a look. ${crashPause.reason ?? ''}`.trim(),
      hint: 'Choose --crash-policy leave or restart.',
    });
  }
  const [problem] = driver.validate(toMachineSpec(plan, config.folders));
  if (!problem) return;
  throw new NakhodaError('vm.spec-invalid', {
    message: `${problem.field}: ${problem.message}`,
    hint: problem.hint,
    details: { field: problem.field },
  });
}

/**
 * A VM's plan as `vm set` wants it; everything that can be found wrong with it is found here.
 * @throws NakhodaError
 */
export async function planChangedVm(services: Services, record: VmRecord, request: VmSet): Promise<VmPlan> {
  const { inventory, hypervisors } = services;
  const cdromPath = request.cdrom === undefined || request.cdrom === 'none' ? null : await resolveCdrom(services, request.cdrom);
  const others = inventory.records().filter(({ spec }) => spec.vmid !== record.spec.vmid);
  const plan = planVmSet(record, request, {
    takenNames: new Set(others.map(({ spec }) => spec.name.toLowerCase())),
    cdromPath,
    hostMemoryMiB: Math.floor(totalmem() / 1024 ** 2),
    passwordHash: hashOf(request.ciPassword),
  });
  requireValid(services, hypervisors.driver(record.spec.hypervisor), plan);
  return plan;
}

/** With a salt of 96 random bits, of crypt's alphabet. */
function hashOf(password: string | undefined): string | null {
  if (password === undefined || password === '') return null;
  return sha512Crypt(password, randomBytes(12).toString('base64').replaceAll('+', '.'));
}

async function resolveCdrom(services: Services, reference: string): Promise<string> {
  if (reference !== 'tiny')
    return (await checkVolume(reference, { pools: { [localPool]: services.config.folders.root }, kind: 'iso' })).path;
  const path = await findTinyIso(process.env);
  if (path !== null) return path;
  throw new NakhodaError('storage.volume-not-found', {
    message: 'The tiny guest has not been built on this machine.',
    hint: 'Build it: ./nakhoda setup guest',
  });
}

/** @throws NakhodaError `network.name-taken`, `network.cidr-invalid`, `network.cidr-overlap`, `network.bridge-exists` */
export async function planNewNetwork(services: Services, request: NetworkCreate): Promise<NetworkSpec> {
  const { networks, config } = services;
  if (request.node !== undefined && request.node !== config.node) {
    throw new NakhodaError('node.not-found', {
      message: `There is no node called ${request.node}.`,
      hint: `This one is called ${config.node}.`,
    });
  }
  if (networks.specs().some((spec) => spec.name === request.name)) {
    throw new NakhodaError('network.name-taken', {
      message: `There is a network called ${request.name} already.`,
      hint: 'Choose another name, or delete that one first.',
    });
  }
  const plan = planNetwork(
    { name: request.name, cidr: request.cidr, dhcp: request.dhcp ?? false, owner: config.owner, others: networks.specs() },
    await readHostNetwork(quietContext(services.log)),
  );
  return { ...plan, node: config.node, createdAt: new Date().toISOString() };
}
