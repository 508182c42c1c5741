import type { UnusedDisk, Vm, VmDisk, VmNic } from '@nakhoda/schema';

import { duration, keyValues, mebibytes, moment, printable, textTable, valueText } from './text.ts';

/** A VM as `vm show` prints it: its facts, then what is pending, then its notes. */
export function renderVm(vm: Vm): string {
  const facts = keyValues([
    ['vmid', String(vm.vmid)],
    ['name', vm.name],
    ['node', vm.node],
    ['hypervisor', vm.hypervisor],
    ['state', stateText(vm)],
    ['execution', vm.execution === undefined ? '' : `${vm.execution.mode}: ${vm.execution.reason}`],
    ['processors', processorText(vm)],
    ['memory', memoryText(vm)],
    ['machine', `${vm.machine}, ${vm.firmware}${vm.secureBoot ? ' with secure boot' : ''}${vm.tpm ? ', TPM 2.0' : ''}`],
    ['display', vm.display === 'none' ? 'none' : `${vm.display}, ${mebibytes(vm.displayMemoryMiB)}`],
    ...vm.disks.map((disk): [string, string] => [disk.slot, diskText(disk)]),
    ...(vm.unused ?? []).map((image): [string, string] => [image.slot, unusedText(image)]),
    ['cdrom', vm.cdrom ?? ''],
    ...vm.nics.map((nic): [string, string] => [nic.slot, `${nic.network}, ${nic.mac}, ${nic.model}${nic.linkUp ? '' : ', cable pulled'}`]),
    ['cloud-init', cloudInitText(vm.cloudInit)],
    ['boot order', vm.bootOrder.join(', ')],
    ['host devices', vm.hostDevices.join(', ')],
    ['watchdog', vm.watchdog === 'none' ? '' : vm.watchdog],
    ['addresses', vm.addresses.join(', ')],
    ['uptime', vm.uptimeSeconds > 0 ? duration(vm.uptimeSeconds) : ''],
    ['snapshot', vm.currentSnapshot ?? ''],
    [
      'linked to',
      vm.linkedTo === null ? '' : `VM ${vm.linkedTo.vmid}${vm.linkedTo.snapshot === null ? '' : `, snapshot ${vm.linkedTo.snapshot}`}`,
    ],
    ['changed outside', (vm.changedOutside ?? []).join(' ')],
    ['observed', moment(vm.observedAt)],
    ['process', vm.pid === undefined ? '' : String(vm.pid)],
    ['options', optionText(vm)],
    ['folder', vm.folder],
    ['tags', vm.tags.join(', ')],
    ['uuid', vm.uuid],
    ['created', moment(vm.createdAt)],
  ]);
  return [facts, pendingText(vm), vm.notes === '' ? null : `Notes\n${printableLines(vm.notes)}`]
    .filter((part) => part !== null)
    .join('\n\n');
}

function stateText(vm: Vm): string {
  const state = vm.suspended ? `${vm.state}, suspended to disk` : vm.state;
  return vm.stateReason === undefined ? state : `${state}: ${vm.stateReason}`;
}

function memoryText({ memoryMiB, balloonMiB, memoryMaxMiB }: Vm): string {
  const shrinks = balloonMiB > 0 ? `, can shrink to ${mebibytes(balloonMiB)}` : '';
  const grows = memoryMaxMiB > 0 ? `, up to ${mebibytes(memoryMaxMiB)} while it runs` : '';
  return `${mebibytes(memoryMiB)}${shrinks}${grows}`;
}

function processorText(vm: Vm): string {
  const count = vm.sockets === 1 ? `${vm.cores}` : `${vm.sockets * vm.cores} (${vm.sockets} sockets of ${vm.cores})`;
  const limit = vm.cpuLimit > 0 ? `, at most ${vm.cpuLimit} of the host's` : '';
  const shares = vm.cpuShares === 100 ? '' : `, shares ${vm.cpuShares}`;
  return `${count}, model ${vm.cpuModel}${limit}${shares}`;
}

/** The disks of a VM as a table. */
export function renderDisks(disks: readonly VmDisk[]): string {
  if (disks.length === 0) return 'The VM has no disk. Give it one: nakhoda disk add VM --size 10';
  return textTable(
    ['SLOT', 'SIZE', 'BUS', 'CACHE', 'SSD', 'DISCARD', 'IOPS', 'MB/S', 'VOLUME'],
    disks.map((disk) => [
      ...[disk.slot, `${disk.sizeGiB} GiB`, disk.bus, disk.cache, disk.ssd ? 'yes' : 'no', disk.discard ? 'yes' : 'no'],
      ...[disk.iopsLimit > 0 ? String(disk.iopsLimit) : '-', disk.mbpsLimit > 0 ? String(disk.mbpsLimit) : '-', disk.volume],
    ]),
  );
}

function unusedText({ sizeGiB, volume, snapshots }: UnusedDisk): string {
  const held = snapshots.length === 0 ? '' : `, part of ${snapshots.join(', ')}`;
  return `${sizeGiB === null ? 'no image that can be read' : `${sizeGiB} GiB`}, ${volume}${held}`;
}

/** Images that a VM does not use, as a table. */
export function renderUnused(unused: readonly UnusedDisk[]): string {
  if (unused.length === 0) return 'The VM uses all of its images.';
  return textTable(
    ['SLOT', 'SIZE', 'SNAPSHOTS', 'VOLUME'],
    unused.map(({ slot, sizeGiB, snapshots, volume }) => [
      ...[slot, sizeGiB === null ? 'unreadable' : `${sizeGiB} GiB`, snapshots.join(', ') || '-', volume],
    ]),
  );
}

/** The NICs of a VM as a table. */
export function renderNics(nics: readonly VmNic[]): string {
  if (nics.length === 0) return 'The VM has no NIC. Give it one: nakhoda nic add VM --network lab';
  return textTable(
    ['SLOT', 'NETWORK', 'MAC', 'MODEL', 'LINK'],
    nics.map((nic) => [nic.slot, nic.network, nic.mac, nic.model, nic.linkUp ? 'up' : 'down']),
  );
}

function diskText(disk: VmDisk): string {
  const limits = [disk.iopsLimit > 0 ? `${disk.iopsLimit} IOPS` : '', disk.mbpsLimit > 0 ? `${disk.mbpsLimit} MB/s` : ''];
  return [
    ...[`${disk.sizeGiB} GiB`, disk.format, disk.bus, `cache ${disk.cache}`],
    ...[disk.ssd ? 'SSD' : '', disk.iothread === true ? 'I/O thread' : '', disk.discard ? 'discard' : '', ...limits, disk.volume],
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function cloudInitText(config: Vm['cloudInit']): string {
  if (config === null) return '';
  return [
    config.userData === null ? `user ${config.user ?? 'of the image'}` : 'user data of its own',
    config.hasPassword ? 'a password' : '',
    config.sshKeys.length === 0 ? '' : `${config.sshKeys.length} SSH keys`,
    ...config.network,
    config.packages.length === 0 ? '' : `packages ${config.packages.join(' ')}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function optionText(vm: Vm): string {
  return [
    vm.autostart
      ? `starts with the host (order ${vm.startOrder}${vm.startDelaySeconds > 0 ? `, then ${vm.startDelaySeconds} s` : ''})`
      : '',
    { leave: '', restart: 'restarted after a crash', pause: 'kept for a look after a crash' }[vm.crashPolicy],
    vm.protection ? 'protected' : '',
    vm.template ? 'template' : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function pendingText(vm: Vm): string | null {
  if (vm.pending.length === 0) return null;
  const rows = vm.pending.map(({ field, running, wanted, reason }) => [
    field,
    valueText(running),
    valueText(wanted),
    reason === undefined ? '-' : printable(reason),
  ]);
  return `Pending until the next start (nakhoda vm revert ${vm.name} takes it back)\n${textTable(['FIELD', 'RUNNING', 'WANTED', 'WHY NOT NOW'], rows)}`;
}

function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
