import { checkDiskSize } from '@nakhoda/host';
import { adoptedVolume, NakhodaError, type Snapshot, type VmClone, type VmSpec } from '@nakhoda/schema';

import { planVm, type VmPlanFacts } from './vm-planner.ts';
import { imageFile, type VmPlan } from './vm-record.ts';

export interface ClonePlan {
  spec: VmSpec;
  cdromPath: string | null;
  /** What is not taken over; whole sentences for the task's log. */
  left: string[];
}

/**
 * A VM that is to be made of another's disks: the source's hardware and settings, with an identity of its own. Pure.
 * @param source what the source has now, or had in the snapshot
 * @param snapshot the one that is cloned, or null for what the disks hold now
 * @param freshMac gives a MAC address of our own for the n-th NIC
 * @throws NakhodaError `vm.wrong-state` for a linked clone of disks that go on changing; as `planVm` does
 */
export function planClone(
  request: VmClone,
  source: VmPlan,
  snapshot: Snapshot | null,
  facts: VmPlanFacts & { freshMac(index: number): string },
): ClonePlan {
  const from = source.spec;
  const linked = request.linked ?? from.template;
  if (linked && snapshot === null) refuseChangingDisks(from);
  if (linked && from.disks.some(({ volume }) => volume.startsWith(adoptedVolume))) {
    throw new NakhodaError('vm.unsupported', {
      message: `${from.name} is adopted: a linked clone would lie on the disks of ${from.adopted?.user ?? 'its user'}.`,
      hint: 'Make a full clone.',
    });
  }
  const kept = from.disks.find(({ format }) => format === 'vmdk' || format === 'vhd');
  if (kept) {
    throw new NakhodaError('vm.unsupported', {
      message: `${kept.slot} of ${from.name} is a ${kept.format} image that was adopted, and only VDI images are cloned.`,
      hint: 'Give the VM back, have its user make a clone with VBoxManage clonevm, and adopt that.',
    });
  }
  const { hypervisor, cores, memoryMiB } = from;
  const base = planVm(
    { name: request.name, hypervisor, cores, memoryMiB, ...(request.vmid === undefined ? {} : { vmid: request.vmid }) },
    facts,
  );
  const held = snapshot?.disks ?? from.disks.map(({ slot }) => slot);
  const disks = from.disks
    .filter(({ slot }) => held.includes(slot))
    .map((disk) => {
      // An adopted VM's image is called whatever its user called it.
      const file = disk.volume.startsWith(adoptedVolume) ? `${disk.slot.replace('disk', 'disk-')}.${disk.format}` : imageFile(disk.volume);
      return { ...disk, volume: `${facts.pool.name}:images/${base.vmid}/${file}` };
    });
  if (!linked) {
    checkDiskSize(
      disks.reduce((sum, { sizeGiB }) => sum + sizeGiB * 1024 ** 3, 0),
      facts.pool,
    );
  }
  const { adopted: _its, ...settings } = from;
  const left: string[] = [];
  if (from.hostDevices.length > 0) left.push(`Devices of the host stay with ${from.name}: ${from.hostDevices.join(', ')}.`);
  if (from.cloudInit?.network.some((line) => /\d+\.\d+\.\d+\.\d+/u.test(line)))
    left.push('Its cloud-init drive names the addresses of its source; change them before both run: nakhoda vm set --help');
  return {
    spec: {
      ...settings,
      ...{ vmid: base.vmid, name: base.name, uuid: base.uuid, node: base.node, createdAt: base.createdAt },
      disks,
      nics: from.nics.map((nic, index) => ({ ...nic, mac: facts.freshMac(index) })),
      hostDevices: [],
      protection: false,
      template: false,
      linkedTo: linked ? { vmid: from.vmid, snapshot: snapshot?.name ?? null } : null,
    },
    cdromPath: source.cdromPath,
    left,
  };
}

/** Only a template's disks stay as they are without a snapshot. Pure. @throws NakhodaError `vm.wrong-state` */
export function refuseChangingDisks({ name, template }: VmSpec): void {
  if (template) return;
  throw new NakhodaError('vm.wrong-state', {
    message: `A linked clone lies on disks that do not change, and those of ${name} do.`,
    hint: `Name a snapshot of it (--snapshot), make it a template (nakhoda vm set ${name} --template yes), or make a full clone.`,
  });
}
