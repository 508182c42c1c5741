import type { DriverContext } from '@nakhoda/driver';
import { interfaces, operatingSystem, userNames } from '@nakhoda/host';
import type { GuestFacts } from '@nakhoda/schema';

import type { Parts } from './parts.ts';
import { vmLane } from './vboxmanage.ts';

/**
 * What VirtualBox's Guest Additions say of the guest, or null where there are none, or VirtualBox does not tell.
 * Not tried with real Additions: the tiny guest has none.
 */
export async function additionsFacts(parts: Parts, ctx: DriverContext, vmid: number): Promise<({ via: 'additions' } & GuestFacts) | null> {
  const { uuid } = await parts.machines.need(vmid);
  try {
    const args = ['guestproperty', 'enumerate', uuid, '/VirtualBox/GuestInfo/*', '--no-flags', '--no-timestamp'];
    const facts = readAdditionsFacts(
      await parts.vbox.run(args, { lanes: [vmLane(vmid)], timeoutMs: 5_000, signal: ctx.signal, asks: true }),
    );
    return facts === null ? null : { via: 'additions', ...facts };
  } catch (error) {
    ctx.signal.throwIfAborted();
    ctx.log(`VirtualBox does not tell the guest properties of VM ${vmid}: ${String(error)}`);
    return null;
  }
}

/**
 * Reads `VBoxManage guestproperty enumerate`, a line a property: `/NAME = 'VALUE'` and blanks. Null when the Additions have
 * told nothing. The names are those of VBoxServiceVMInfo.cpp (7.2). Pure.
 */
export function readAdditionsFacts(output: string): GuestFacts | null {
  const properties = new Map<string, string>();
  for (const line of output.split('\n').slice(0, 10_000)) {
    const [, name, value] = /^\/VirtualBox\/GuestInfo\/(\S+)\s*= '(.*)'\s*(?:@.*)?$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) properties.set(name, value);
  }
  if (properties.size === 0) return null;
  const product = properties.get('OS/Product');
  const release = properties.get('OS/Release');
  return {
    osInfo: operatingSystem({
      id: null,
      name: product,
      prettyName: product,
      version: properties.get('OS/Version'),
      kernel: release,
      machine: null,
    }),
    hostname: null,
    fileSystems: [],
    interfaces: interfaces(
      Array.from({ length: Math.min(Number(properties.get('Net/Count') ?? 0) || 0, 32) }, (_, number) => {
        const part = (name: string): string | undefined => properties.get(`Net/${number}/${name}`);
        const address = part('V4/IP');
        return {
          name: part('Name') ?? `net${number}`,
          mac: part('MAC')?.match(/../g)?.join(':'),
          addresses: [address === undefined ? null : `${address}/${prefixOf(part('V4/Netmask') ?? '')}`],
        };
      }),
    ),
    users: userNames(properties.get('OS/LoggedInUsersList')?.split(',') ?? []),
    frozen: null,
  };
}

/** `255.255.255.0` is 24; what is no mask gives what no address has. */
function prefixOf(netmask: string): number {
  const bits = netmask.split('.').map((part) => Number(part).toString(2).padStart(8, '0'));
  return /^1*0*$/.test(bits.join('')) && bits.length === 4 ? bits.join('').replaceAll('0', '').length : 999;
}
