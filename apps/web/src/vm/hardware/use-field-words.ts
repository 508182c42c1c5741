import { useLingui } from '@lingui/react/macro';

import { mebibytes } from '../../data/format.ts';
import { fieldPlace } from './running-hardware.ts';

/** What fields of a VM are called, and how their values read. */
export interface FieldWords {
  name(field: string): string;
  value(field: string, value: unknown): string;
}

export function useFieldWords(): FieldWords {
  const { t, i18n } = useLingui();
  const names: Readonly<Record<string, string>> = {
    memoryMiB: t`Memory (MiB)`,
    balloonMiB: t`Balloon: may shrink to (MiB, 0 for no balloon)`,
    memoryMaxMiB: t`Room for more while it runs (MiB, 0 for none)`,
    cores: t`Cores`,
    sockets: t`Sockets`,
    cpuModel: t`Processor model`,
    cpuLimit: t`Limit in cores of the host (0 for none)`,
    cpuShares: t`Share of scarce time (100 is usual)`,
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
    iopsLimit: t`Limit in operations a second (0 for none)`,
    mbpsLimit: t`Limit in MB a second (0 for none)`,
    sizeGiB: t`Size (GiB)`,
    network: t`Network`,
    model: t`Model`,
    mac: t`MAC address`,
    linkUp: t`Cable`,
    serialPorts: t`Serial ports`,
    audio: t`Sound card`,
    rng: t`Source of random numbers`,
    watchdog: t`Watchdog`,
    hostDevices: t`Devices of the host (one a line)`,
    cloudInit: t`cloud-init drive`,
    disks: t`new disk`,
    nics: t`new NIC`,
    name: t`Name`,
    folder: t`Folder`,
    tags: t`Tags`,
    notes: t`Notes`,
    autostart: t`Start with the host`,
    startOrder: t`Place in the order of starting (lower first)`,
    startDelaySeconds: t`Wait after its start (seconds)`,
    crashPolicy: t`After a crash`,
    protection: t`Protection`,
    ciUser: t`User (empty for the image's own)`,
    ciPassword: t`Password (empty: stays as it is)`,
    ciHostname: t`Host name (empty for the VM's name)`,
    ciSshKeys: t`SSH keys (one a line)`,
    ciNetwork: t`Addresses (one a line, such as net0=dhcp)`,
    ciDns: t`Name servers (one a line)`,
    ciSearchDomains: t`Search domains (one a line)`,
    ciPackages: t`Packages to install (one a line)`,
    ciUserData: t`A whole user-data document instead`,
    ciVendorData: t`A vendor-data document`,
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
    value: (field, value) => text(fieldPlace(field).part ?? field, value),
  };
}
