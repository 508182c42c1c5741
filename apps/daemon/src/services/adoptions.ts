import type { ForeignFacet, ForeignOwner, ForeignSurvey } from '@nakhoda/driver';
import { type ForeignList, type ForeignVm, NakhodaError, toNakhodaError, type VmAdopt } from '@nakhoda/schema';

import { planAdoption } from './adoption-plan.ts';
import type { Services } from './context.ts';
import { foreignUsers, needForeignUser, ownerOf } from './foreign-users.ts';
import { quietContext } from './hypervisors.ts';
import { looseNics } from './mac-addresses.ts';
import { planFacts, promiseRecord } from './plans.ts';
import { toMachineSpec, type VmRecord } from './vm-record.ts';

/** The driver's way to foreign VMs. @throws NakhodaError `hypervisor.not-found` on a node without VirtualBox */
export function foreignFacet({ hypervisors }: Services): ForeignFacet {
  const { foreign } = hypervisors.driver('virtualbox');
  if (foreign) return foreign;
  throw new NakhodaError('hypervisor.not-found', {
    message: 'This node has no VirtualBox.',
    hint: 'Set it up: ./nakhoda setup virtualbox',
  });
}

/** The VMs of all named users. A user whose VMs cannot be read hides nobody else's. */
export async function listForeign(services: Services): Promise<ForeignList> {
  const ctx = quietContext(services.log);
  const list: ForeignList = { vms: [], problems: [] };
  for (const named of await foreignUsers(services.store)) {
    try {
      const owner = await ownerOf(named);
      const surveys = await foreignFacet(services).list(ctx, { owner });
      for (const survey of surveys) list.vms.push(await judged(services, survey));
    } catch (error) {
      list.problems.push({ user: named.user, message: toNakhodaError(error).message });
    }
  }
  return list;
}

/** With what only a record of ours, and the rest of the VMs here, can tell. */
async function judged(services: Services, { vm, found }: ForeignSurvey): Promise<ForeignVm> {
  if (found === null) return vm;
  try {
    const driver = services.hypervisors.driver('virtualbox');
    const facts = await adoptionFacts(services);
    const spec = planAdoption({ name: `foreign-${vm.uuid}` }, { vm, found }, facts);
    const problems = driver.validate(toMachineSpec({ spec, attachments: {}, cdromPath: found.cdrom }, services.config.folders));
    return problems.length === 0 ? vm : { ...vm, adoptable: false, reasons: problems.map(({ message }) => message) };
  } catch (error) {
    return { ...vm, adoptable: false, reasons: [toNakhodaError(error).message] };
  }
}

async function adoptionFacts(services: Services): Promise<Parameters<typeof planAdoption>[2]> {
  const facts = await planFacts(services, services.hypervisors.driver('virtualbox'));
  return { ...facts, takenUuids: new Set(services.inventory.records().map(({ spec }) => spec.uuid)) };
}

/** What the task of an adoption is given. */
export interface AdoptionInput {
  record: VmRecord;
  owner: ForeignOwner;
  left: string[];
}

/**
 * Everything that can be found wrong with an adoption is found here, before a task is made for it.
 * @throws NakhodaError
 */
export async function planNewAdoption(services: Services, request: VmAdopt): Promise<AdoptionInput> {
  const driver = await services.hypervisors.usable('virtualbox');
  const [user = '', wanted = ''] = request.machine.split('/', 2);
  const owner = await ownerOf(await needForeignUser(services.store, user));
  const surveys = await foreignFacet(services).list(quietContext(services.log), { owner });
  const { vm, found } = choose(surveys, user, wanted);
  if (found === null) {
    throw new NakhodaError('foreign.not-adoptable', {
      message: `${vm.name} of ${user} cannot be adopted: ${vm.reasons.join(' ')}`,
      hint: 'Put that in order, then try again. `nakhoda foreign list` tells it of every VM.',
    });
  }
  const spec = planAdoption(request, { vm, found }, await adoptionFacts(services));
  const record = await promiseRecord(services, driver, spec, found.cdrom);
  const doubled = found.adopted.found.nics.flatMap(({ mac }) =>
    surveys
      .filter((other) => other.vm.uuid !== vm.uuid && other.found?.adopted.found.nics.some((nic) => nic.mac === mac))
      .map((other) => `${other.vm.name} of ${user} has the MAC address ${mac}, too.`),
  );
  const pulled = looseNics(spec).map(({ slot, mac }) => `${slot} (${mac}) has no cable: it is on no network of Nakhoda's.`);
  const ports = "Its first two serial ports are Nakhoda's console and guest channel while it is here.";
  return { record, owner, left: [...found.left, ports, ...pulled, ...doubled] };
}

function choose(surveys: readonly ForeignSurvey[], user: string, wanted: string): ForeignSurvey {
  const named = surveys.filter(({ vm }) => vm.uuid === wanted.toLowerCase() || vm.name === wanted);
  const [found, second] = named;
  if (found && !second) return found;
  throw new NakhodaError('foreign.not-found', {
    message: found ? `${user} has several VMs called ${wanted}.` : `${user} has no VM called ${wanted}.`,
    hint: found
      ? `Give the UUID: ${named.map(({ vm }) => vm.uuid).join(', ')}`
      : '`nakhoda foreign list` shows every VM of the named users.',
  });
}

/** A person's own disks are not deleted by the way. @throws NakhodaError `foreign.keeps-disks` */
export function requireOwnDisks({ spec }: VmRecord, adoptedDisks: boolean): void {
  if (spec.adopted?.vmid !== spec.vmid || adoptedDisks) return;
  throw new NakhodaError('foreign.keeps-disks', {
    message: `${spec.name} was adopted from ${spec.adopted.user}: its disks are that user's own.`,
    hint: `Give it back: nakhoda vm release ${spec.name}. To delete the user's disks and snapshots with it: nakhoda vm destroy ${spec.name} --adopted-disks`,
  });
}

/** @throws NakhodaError `foreign.not-adopted` */
export function requireAdopted({ spec }: VmRecord): void {
  if (spec.adopted?.vmid === spec.vmid) return;
  throw new NakhodaError('foreign.not-adopted', {
    message: `${spec.name} was made by Nakhoda, not adopted.`,
    hint: 'To be rid of it: nakhoda vm destroy',
  });
}
