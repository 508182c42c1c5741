import { useLingui } from '@lingui/react/macro';

import { mebibytes } from '../../data/format.ts';
import { fieldPlace } from './running-hardware.ts';

/** What fields of a VM are called, and how their values read. */
export interface FieldWords {
  name(field: string): string;
  value(field: string, value: unknown): string;
  /** What is to be known before one fills it in. */
  hint(field: string): string | undefined;
}

export function useFieldWords(): FieldWords {
  const { t, i18n } = useLingui();
  const names: Readonly<Record<string, string>> = {
    memoryMiB: t`Memory (MiB)`,
    balloonMiB: t`Balloon (MiB)`,
    memoryMaxMiB: t`Room for more (MiB)`,
    cores: t`Cores`,
    sockets: t`Sockets`,
    cpuModel: t`Processor model`,
    cpuLimit: t`Processor limit (cores)`,
    cpuShares: t`Processor share`,
    firmware: t`Firmware`,
    secureBoot: t`Secure boot`,
    tpm: t`TPM 2.0`,
    machine: t`Machine`,
    display: t`Graphics card`,
    displayMemoryMiB: t`Memory of the card (MiB)`,
    bootOrder: t`Boot order`,
    cdrom: t`CD in the drive`,
    bus: t`Bus`,
    cache: t`Cache`,
    ssd: t`Looks like an SSD`,
    discard: t`Gives back what the guest trims`,
    iopsLimit: t`Limit (operations a second)`,
    mbpsLimit: t`Limit (MB a second)`,
    sizeGiB: t`Size (GiB)`,
    network: t`Network`,
    model: t`Model`,
    mac: t`MAC address`,
    linkUp: t`Cable`,
    serialPorts: t`Serial ports`,
    audio: t`Sound card`,
    rng: t`Source of random numbers`,
    watchdog: t`Watchdog`,
    hostDevices: t`Devices of the host`,
    cloudInit: t`cloud-init drive`,
    disks: t`new disk`,
    nics: t`new NIC`,
    name: t`Name`,
    folder: t`Folder`,
    tags: t`Tags`,
    notes: t`Notes`,
    autostart: t`Start with the host`,
    startOrder: t`Place in the order of starting`,
    startDelaySeconds: t`Wait after its start (seconds)`,
    crashPolicy: t`After a crash`,
    protection: t`Protection`,
    ciUser: t`User`,
    ciPassword: t`Password`,
    ciHostname: t`Host name`,
    ciSshKeys: t`SSH keys`,
    ciNetwork: t`Addresses`,
    ciDns: t`Name servers`,
    ciSearchDomains: t`Search domains`,
    ciPackages: t`Packages to install`,
    ciUserData: t`User data`,
    ciVendorData: t`Vendor data`,
  };
  const oneALine = t`One a line.`;
  const noLimit = t`0 for no limit.`;
  const hints: Readonly<Record<string, string>> = {
    balloonMiB: t`May be shrunk to so much when memory is scarce; 0 for no balloon.`,
    memoryMaxMiB: t`So much it may be given while it runs; 0 for no more than it was started with.`,
    cpuLimit: t`Most of the host's cores that it may use; 0 for no limit.`,
    cpuShares: t`Of processor time that is scarce; 100 is usual.`,
    iopsLimit: noLimit,
    mbpsLimit: noLimit,
    hostDevices: t`One a line: usb:046d:c52b, usb:1-2 by its port, or pci:0000:01:00.0.`,
    startOrder: t`Lower ones first.`,
    mac: t`Empty: it gets one that no other VM has.`,
    ciUser: t`Empty: the image's own user.`,
    ciPassword: t`Empty: it stays as it is. Only a hash of it is kept.`,
    ciHostname: t`Empty: the VM's name.`,
    ciSshKeys: oneALine,
    ciNetwork: t`One a line: net0=dhcp, net0=10.0.0.5/24 via 10.0.0.1, net0=none. A NIC that is not named asks by DHCP.`,
    ciDns: oneALine,
    ciSearchDomains: oneALine,
    ciPackages: oneALine,
    ciUserData: t`A whole document instead of user, password, keys and packages.`,
  };
  const words: Readonly<Record<string, string>> = {
    'bios': 'BIOS',
    'uefi': 'UEFI',
    'none': t`none`,
    'default': t`default`,
    'host': t`the host's own`,
    'crashPolicy/leave': t`leave it as it is`,
    'crashPolicy/restart': t`start it again`,
    'crashPolicy/pause': t`keep a panicked guest for a look`,
    'watchdog/reset': t`reset the VM`,
    'watchdog/poweroff': t`power it off`,
    'watchdog/pause': t`pause it`,
  };
  const text = (field: string, value: unknown): string => {
    if (value === null || value === undefined || value === '') return '–';
    if (field === 'linkUp') return value === true ? t`plugged in` : t`pulled`;
    if (typeof value === 'boolean') return value ? t`yes` : t`no`;
    if (Array.isArray(value)) return value.length === 0 ? '–' : value.join(field === 'bootOrder' ? ' → ' : ', ');
    if (typeof value === 'number') {
      if (field.endsWith('MiB')) return value === 0 ? t`none` : mebibytes(value);
      return field.endsWith('Limit') && value === 0 ? t`none` : i18n.number(value);
    }
    if (typeof value === 'object') return Object.values(value).map(String).join(', ');
    if (typeof value !== 'string') return '–';
    return words[`${field}/${value}`] ?? (field === 'cdrom' || field === 'name' ? value : (words[value] ?? value));
  };
  return {
    name(field) {
      const { slot, part } = fieldPlace(field);
      if (slot === null) return names[field] ?? field;
      return part === null ? slot : `${slot}: ${names[part] ?? part}`;
    },
    hint: (field) => hints[field],
    value: (field, value) => text(fieldPlace(field).part ?? field, value),
  };
}
