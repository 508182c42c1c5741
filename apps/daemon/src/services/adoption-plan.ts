import { defaultNic, type FoundHardware } from '@nakhoda/driver';
import { adoptedVolume, type ForeignVm, matchesName, NakhodaError, type VmAdopt, VmName, type VmSpec } from '@nakhoda/schema';

import { planVm, type VmPlanFacts } from './vm-planner.ts';

/**
 * A foreign VM to the spec of the VM of ours that it becomes. Pure.
 * @throws NakhodaError as `planVm` does; `vm.mac-taken`, `foreign.not-adoptable`
 */
export function planAdoption(
  request: Omit<VmAdopt, 'machine'>,
  { vm, found }: { vm: ForeignVm; found: FoundHardware },
  facts: VmPlanFacts & { takenUuids: ReadonlySet<string> },
): VmSpec {
  if (facts.takenUuids.has(vm.uuid)) {
    throw new NakhodaError('foreign.not-adoptable', {
      message: `A VM of Nakhoda's has the UUID ${vm.uuid} of ${vm.name} already.`,
      hint: 'One of them is a copy of the other. Release or destroy the one that is here first.',
    });
  }
  const taken = found.adopted.found.nics.find(({ mac }) => facts.takenMacs.has(mac));
  if (taken) {
    throw new NakhodaError('vm.mac-taken', {
      message: `The MAC address ${taken.mac} of ${vm.name}'s ${taken.slot} belongs to a VM of Nakhoda's.`,
      hint: "Change one of them first: with `nakhoda nic set`, or in the user's own VirtualBox.",
    });
  }
  const { network } = request;
  const base = planVm(
    {
      name: request.name ?? nameOf(vm.name),
      hypervisor: 'virtualbox',
      cores: found.cores,
      memoryMiB: found.memoryMiB,
      ...(request.vmid === undefined ? {} : { vmid: request.vmid }),
      ...(network === undefined ? {} : { network }),
    },
    facts,
  );
  const { hardware } = facts.capabilities;
  const nics = network === undefined ? [] : found.nics.map((nic) => ({ ...defaultNic(hardware), ...nic, network }));
  return {
    ...base,
    ...found.hardware,
    // What there is one of only has its own name for it.
    cpuModel: base.cpuModel,
    rng: base.rng,
    uuid: vm.uuid,
    notes: found.notes,
    disks: found.disks.map(({ path, sizeBytes, ...disk }) => ({ ...disk, volume: adoptedVolume + path, sizeGiB: sizeBytes / 1024 ** 3 })),
    cdrom: found.cdrom,
    nics,
    adopted: { ...found.adopted, vmid: base.vmid, user: vm.user, name: vm.name, file: vm.file },
  };
}

function nameOf(foreign: string): string {
  const name = foreign
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^A-Za-z0-9]+/gu, '-')
    .replaceAll(/^[^A-Za-z]+|-+$/gu, '')
    .slice(0, 63)
    .replace(/-+$/u, '');
  if (matchesName(VmName, name)) return name;
  throw new NakhodaError('request.invalid', {
    message: `No name for the VM can be made of ${JSON.stringify(foreign)}.`,
    hint: 'Give one: --name web',
  });
}
