import type { NetworkPlan } from './plan-network.ts';
import { parseCidr, parseIpv4 } from './ipv4.ts';

/**
 * The command line of the DHCP server of one network. DNS is off (`--port=0`), and nothing is read from the
 * host's own dnsmasq configuration. Options 3 and 6 are sent to nobody: the host neither routes nor resolves for
 * the guests, and a route or a resolver that leads nowhere makes them wait. Written for dnsmasq 2.86 to 2.91.
 *
 * @param options.leaseFile absolute path; kept over restarts so that guests keep their addresses
 * @param options.user account that dnsmasq becomes once its sockets and files are open
 */
export function dnsmasqArgv(network: NetworkPlan, options: { leaseFile: string; user: string }): string[] {
  const { dhcp } = network;
  const prefix = parseCidr(network.cidr)?.prefix;
  if (!dhcp || prefix === undefined) throw new TypeError(`network ${network.name} has no DHCP range`);
  const count = (parseIpv4(dhcp.to) ?? 0) - (parseIpv4(dhcp.from) ?? 0) + 1;
  return [
    'dnsmasq',
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--port=0',
    '--bind-interfaces',
    `--interface=${network.bridge}`,
    '--except-interface=lo',
    `--dhcp-range=${dhcp.from},${dhcp.to},${prefixMask(prefix)},1h`,
    `--dhcp-lease-max=${count}`,
    `--dhcp-leasefile=${options.leaseFile}`,
    '--pid-file=',
    '--dhcp-authoritative',
    '--dhcp-option=3',
    '--dhcp-option=6',
    '--no-hosts',
    '--no-resolv',
    // Errors still go to the log; every renewal of every guest would make it grow without end.
    '--quiet-dhcp',
    '--log-facility=-',
    `--user=${options.user}`,
  ];
}

function prefixMask(prefix: number): string {
  const mask = (2 ** 32 - 2 ** (32 - prefix)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (mask >>> shift) & 255).join('.');
}

/** Which account dnsmasq should become, from the text of /etc/passwd: its own, else nobody, else root. */
export function dnsmasqUser(passwd: string): string {
  const names = new Set(passwd.split('\n').map((line) => line.split(':')[0]));
  return ['dnsmasq', 'nobody'].find((name) => names.has(name)) ?? 'root';
}
