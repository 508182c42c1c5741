import { useLingui } from '@lingui/react/macro';
import type { Vm, VmDisk, VmNic } from '@nakhoda/schema';

import { gibibytes, mebibytes } from '../../data/format.ts';
import type { HardwareGroup, HardwareRow } from './hardware-rows.ts';
import { useFieldWords } from './use-field-words.ts';

/** How the lines of the hardware table read. */
export interface RowWords {
  title(row: Pick<HardwareRow, 'group' | 'slot'>): string;
  /** What the VM has of it; null: it has none. */
  text(row: Pick<HardwareRow, 'group' | 'slot'>, vm: Vm): string | null;
  disk(disk: VmDisk): string;
  nic(nic: VmNic): string;
}

export function useRowWords(): RowWords {
  const { t, i18n } = useLingui();
  const field = useFieldWords();
  const titles: Readonly<Record<HardwareGroup, string>> = {
    memory: t`Memory`,
    processors: t`Processors`,
    firmware: t`Firmware`,
    machine: t`Machine`,
    display: t`Display`,
    boot: t`Boot order`,
    cdrom: t`CD drive`,
    disk: t`Disk`,
    nic: t`NIC`,
    cloudInit: t`cloud-init drive`,
    serial: t`Serial ports`,
    audio: t`Sound card`,
    rng: t`Source of random numbers`,
    watchdog: t`Watchdog`,
    hostDevices: t`Devices of the host`,
  };
  const list = (...parts: readonly (string | false)[]) => parts.filter((part) => part !== false).join(', ');
  const disk = (one: VmDisk) =>
    list(
      gibibytes(one.sizeGiB),
      one.bus,
      one.format,
      `cache=${one.cache}`,
      one.ssd && 'SSD',
      one.discard && 'discard',
      one.iopsLimit > 0 && t`at most ${one.iopsLimit} operations a second`,
      one.mbpsLimit > 0 && t`at most ${one.mbpsLimit} MB a second`,
    );
  const nic = (one: VmNic) => list(one.model, one.network, one.mac, !one.linkUp && t`cable pulled`);
  const texts: Readonly<Record<HardwareGroup, (vm: Vm, slot: string | null) => string | null>> = {
    memory: (vm) =>
      list(
        mebibytes(vm.memoryMiB),
        vm.balloonMiB > 0 && t`balloon down to ${mebibytes(vm.balloonMiB)}`,
        vm.memoryMaxMiB > 0 && t`up to ${mebibytes(vm.memoryMaxMiB)} while it runs`,
      ),
    processors: (vm) =>
      list(
        vm.sockets === 1 ? i18n.number(vm.cores) : t`${vm.cores * vm.sockets} (${vm.sockets} sockets with ${vm.cores} cores each)`,
        vm.cpuModel,
        vm.cpuLimit > 0 && t`at most ${vm.cpuLimit} cores of the host`,
        vm.cpuShares !== 100 && t`share ${vm.cpuShares}`,
      ),
    firmware: (vm) => list(field.value('firmware', vm.firmware), vm.secureBoot && t`secure boot`, vm.tpm && 'TPM 2.0'),
    machine: (vm) => vm.machine,
    display: (vm) => (vm.display === 'none' ? t`none` : list(vm.display, mebibytes(vm.displayMemoryMiB))),
    boot: (vm) => field.value('bootOrder', vm.bootOrder),
    cdrom: (vm) => vm.cdrom ?? t`empty`,
    disk: (vm, slot) => found(vm.disks, slot, disk),
    nic: (vm, slot) => found(vm.nics, slot, nic),
    cloudInit: (vm) =>
      vm.cloudInit === null
        ? t`none`
        : list(vm.cloudInit.hostname ?? vm.name, (vm.cloudInit.user ?? '') !== '' && (vm.cloudInit.user ?? '')),
    serial: (vm) => i18n.number(vm.serialPorts),
    audio: (vm) => field.value('audio', vm.audio),
    rng: (vm) => field.value('rng', vm.rng),
    watchdog: (vm) => field.value('watchdog', vm.watchdog),
    hostDevices: (vm) => (vm.hostDevices.length === 0 ? t`none` : vm.hostDevices.join(', ')),
  };
  return {
    title: ({ group, slot }) => (slot === null ? titles[group] : `${titles[group]} (${slot})`),
    text: ({ group, slot }, vm) => texts[group](vm, slot),
    disk,
    nic,
  };
}

function found<Device extends { slot: string }>(
  devices: readonly Device[],
  slot: string | null,
  tell: (one: Device) => string,
): string | null {
  const device = devices.find((one) => one.slot === slot);
  return device === undefined ? null : tell(device);
}
