import { useLingui } from '@lingui/react/macro';
import type { Capabilities, Vm } from '@nakhoda/schema';

import { changeVm } from '../../data/change-vm.ts';
import { useNetworks, useVms } from '../../data/resources.ts';
import { changeEffect } from './change-effect.ts';
import { hardwareField, hardwareFields, type EditField } from './edit-fields.ts';
import type { Values } from './edit-conflict.ts';
import { pick, type Edit } from './edit.ts';
import { hardwareGroups, type HardwareGroup } from './hardware-rows.ts';
import { useRowWords } from './use-row-words.ts';

const diskAddFields = ['sizeGiB', ...hardwareGroups.disk];

/** The dialogs of a VM's hardware, by what the address calls them: a group, a slot, `disk0.grow`, `add-disk`, `add-nic`. */
export function useHardwareEdits(vm: Vm, capabilities: Capabilities): (asked: string) => Edit | null {
  const { t } = useLingui();
  const words = useRowWords();
  const networks = useNetworks().map(({ name }) => name);
  const cds = useVms().flatMap(({ cdrom }) => (cdrom === null ? [] : [cdrom]));
  const { hardware, hotplug } = capabilities;
  const effect = (field: string) => changeEffect(field, vm, hotplug);
  const networkField = (present?: string): EditField => ({
    name: 'network',
    kind: 'choice',
    choices: [...new Set([...(present === undefined ? [] : [present]), ...networks])].map((value) => ({ value, off: false })),
  });

  const ofDevice = (slot: string): Edit | null => {
    const disk = vm.disks.find((one) => one.slot === slot);
    const nic = vm.nics.find((one) => one.slot === slot);
    const present = disk ?? nic;
    if (present === undefined) return null;
    const group: HardwareGroup = disk === undefined ? 'nic' : 'disk';
    const endpoint = disk === undefined ? 'nic.set' : 'disk.set';
    const fields = hardwareFields(group, vm, capabilities);
    return {
      place: slot,
      title: words.title({ group, slot }),
      action: t`Save`,
      endpoint,
      fields: fields.map((field) => (field.name === 'network' ? networkField(nic?.network) : field)),
      values: (now) => pick([...now.disks, ...now.nics].find((one) => one.slot === slot) ?? present, hardwareGroups[group]),
      effect,
      send: (changed) => changeVm(vm, { endpoint, params: { slot }, body: changed }),
    };
  };

  const growth = (slot: string): Edit | null => {
    const disk = vm.disks.find((one) => one.slot === slot);
    if (disk === undefined) return null;
    return {
      place: `${slot}.grow`,
      title: t`Grow ${slot} of ${vm.name}`,
      action: t`Grow it`,
      endpoint: 'disk.resize',
      fields: [hardwareField('disk.resize', 'sizeGiB', vm, capabilities)],
      values: (now) => ({ sizeGiB: now.disks.find((one) => one.slot === slot)?.sizeGiB ?? disk.sizeGiB }),
      effect,
      check: ({ sizeGiB }): Record<string, string> =>
        typeof sizeGiB === 'number' && sizeGiB < disk.sizeGiB
          ? { sizeGiB: t`It has ${disk.sizeGiB} GiB, and a disk is not made smaller: what the guest has at its end would be cut off.` }
          : {},
      hint: t`The guest then has to enlarge its partition and file system itself.`,
      send: (_changed, { sizeGiB }) => changeVm(vm, { endpoint: 'disk.resize', params: { slot }, body: { sizeGiB } }),
    };
  };

  const newDisk = (): Edit => {
    // What the daemon takes for a disk of which nothing is said.
    const usual: Values = {
      sizeGiB: 4,
      bus: hardware.diskBuses[0],
      cache: hardware.diskCaches[0],
      ssd: false,
      discard: true,
      iopsLimit: 0,
      mbpsLimit: 0,
    };
    return {
      place: 'add-disk',
      title: t`Give ${vm.name} a new disk`,
      action: t`Add it`,
      endpoint: 'disk.add',
      fields: diskAddFields.map((name) => hardwareField('disk.add', name, vm, capabilities)),
      values: () => usual,
      effect: () => effect('disks'),
      makes: 'disks',
      hint: t`It is empty and gets the next free slot; its image grows as it is written.`,
      // What the hypervisor does not offer is not asked for.
      send: (changed, { sizeGiB }) => changeVm(vm, { endpoint: 'disk.add', body: { ...changed, sizeGiB } }),
    };
  };

  const newNic = (): Edit => ({
    place: 'add-nic',
    title: t`Give ${vm.name} a NIC`,
    action: t`Add it`,
    endpoint: 'nic.add',
    fields: [networkField(), hardwareField('nic.add', 'model', vm, capabilities), { name: 'mac', kind: 'text' }],
    values: () => ({ network: networks[0] ?? '', model: hardware.nicModels[0], mac: '' }),
    effect: () => effect('nics'),
    makes: 'nics',
    ...(networks.length === 0 ? { hint: t`There is no network yet: make one first.` } : {}),
    send: (changed, { network }) => {
      const { mac, ...rest } = changed;
      return changeVm(vm, { endpoint: 'nic.add', body: { ...rest, ...(mac === undefined || mac === '' ? {} : { mac }), network } });
    },
  });

  const ofGroup = (group: HardwareGroup): Edit => ({
    place: group,
    title: words.title({ group, slot: null }),
    action: t`Save`,
    endpoint: 'vm.set',
    fields:
      group === 'cdrom'
        ? [{ name: 'cdrom', kind: 'text', suggestions: [...new Set(['tiny', 'none', ...cds])] }]
        : hardwareFields(group, vm, capabilities),
    values: (now) => ({ ...pick(now, hardwareGroups[group]), ...(group === 'cdrom' ? { cdrom: now.cdrom ?? 'none' } : {}) }),
    effect,
    ...(group === 'cdrom' ? { hint: t`A volume such as local:iso/debian.iso, tiny for the tiny guest, or none.` } : {}),
    send: (changed) => changeVm(vm, { endpoint: 'vm.set', body: changed }),
  });

  return (asked) => {
    if (asked === 'add-disk') return newDisk();
    if (asked === 'add-nic') return newNic();
    if (/^(disk|net)\d$/u.test(asked)) return ofDevice(asked);
    const [slot = '', what] = asked.split('.');
    if (what === 'grow') return growth(slot);
    return asked in hardwareGroups && asked !== 'cloudInit' && asked !== 'disk' && asked !== 'nic' ? ofGroup(asked as HardwareGroup) : null;
  };
}
