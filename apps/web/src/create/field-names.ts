import { useLingui } from '@lingui/react/macro';

import type { Draft } from './draft.ts';

/** What the fields of a new VM are called, on the forms and in the review; the last two are fields of the request alone. */
export function useFieldNames(): Readonly<Record<keyof Draft | 'cdrom' | 'bootOrder', string>> {
  const { t } = useLingui();
  return {
    name: t`Name`,
    hypervisor: t`Hypervisor`,
    media: t`Start from`,
    volume: t`Volume`,
    cores: t`Cores`,
    sockets: t`Sockets`,
    memoryMiB: t`Memory (MiB)`,
    cpuModel: t`CPU model`,
    machine: t`Machine`,
    firmware: t`Firmware`,
    secureBoot: t`Secure boot`,
    tpm: t`TPM 2.0`,
    audio: t`Sound card`,
    display: t`Graphics card`,
    cpuLimit: t`Most of the host's cores`,
    balloonMiB: t`Shrink memory to (MiB)`,
    memoryMaxMiB: t`Grow memory to (MiB)`,
    diskGiB: t`Disk (GiB)`,
    diskBus: t`Bus`,
    diskCache: t`Cache`,
    diskSsd: t`Tell the guest that it is an SSD`,
    diskDiscard: t`Discard`,
    diskIopsLimit: t`Operations a second`,
    diskMbpsLimit: t`Megabytes a second`,
    network: t`Network`,
    nicModel: t`Network card`,
    mac: t`MAC address`,
    start: t`Start it when it is made`,
    autostart: t`Start it with the host`,
    protection: t`Protect it from being destroyed`,
    tags: t`Tags`,
    folder: t`Folder`,
    notes: t`Notes`,
    ciDrive: t`With a cloud-init drive`,
    ciUser: t`User`,
    ciPassword: t`Password`,
    ciHostname: t`Host name`,
    ciSshKeys: t`SSH keys`,
    ciNetwork: t`Addresses`,
    ciDns: t`Name servers`,
    ciPackages: t`Packages`,
    ciUserData: t`User data`,
    cdrom: t`CD drive`,
    bootOrder: t`Boot order`,
  };
}
