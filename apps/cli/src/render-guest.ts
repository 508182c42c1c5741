import type { GuestInfo } from '@nakhoda/schema';

import { bytes, keyValues, textTable } from './text.ts';

/** What a guest says of itself. All but the first line is its own word. */
export function renderGuest(guest: GuestInfo): string {
  const ways = { agent: 'the guest agent', serial: 'the shell on its serial console', additions: 'Guest Additions' };
  if (guest.via === null) return 'Nobody in the guest answers.';
  const facts = keyValues([
    ['told by', ways[guest.via]],
    ['system', guest.osInfo?.prettyName ?? guest.osInfo?.name ?? ''],
    ['version', guest.osInfo?.version ?? ''],
    ['kernel', [guest.osInfo?.kernel, guest.osInfo?.machine].filter(Boolean).join(', ')],
    ['host name', guest.hostname ?? ''],
    ['users', guest.users.join(', ')],
    ['frozen', guest.frozen === null ? '' : guest.frozen ? 'yes' : 'no'],
  ]);
  const size = (count: number | null): string => (count === null ? '-' : bytes(count));
  const systems = guest.fileSystems.map((one) => [
    one.mountpoint,
    one.device ?? '-',
    one.type ?? '-',
    size(one.totalBytes),
    size(one.freeBytes),
  ]);
  const nics = guest.interfaces.map((one) => [one.name, one.mac ?? '-', one.addresses.join(', ') || '-']);
  return [
    facts,
    ...(systems.length === 0 ? [] : [textTable(['MOUNTED ON', 'DEVICE', 'TYPE', 'SIZE', 'FREE'], systems)]),
    ...(nics.length === 0 ? [] : [textTable(['INTERFACE', 'MAC', 'ADDRESSES'], nics)]),
  ].join('\n\n');
}
