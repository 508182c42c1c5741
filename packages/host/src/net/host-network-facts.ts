import { exec } from '../exec.ts';

/** An interface of this host as iproute2 shows it. */
export interface HostLink {
  name: string;
  /** `bridge`, `tun`, `veth`, …; null for a plain device such as an Ethernet card. */
  kind: string | null;
  mac: string | null;
  /** What somebody wrote on it; ours say `nakhoda:<owner>:<name>`. */
  alias: string | null;
  /** Administratively up. */
  up: boolean;
  /** Something is at the other end: of a TAP, a process that holds it open. */
  carrier: boolean;
  /** The bridge it is a port of. */
  master: string | null;
  /** IPv4 addresses with prefix, `10.77.0.1/24`. */
  addresses: string[];
  /** The user that a TAP belongs to; absent for one of nobody's, and for other interfaces. */
  tapUser?: number;
}

/** An IPv4 route of any table. */
export interface HostRoute {
  /** `10.77.0.0/24`, a single address, or `default`. */
  destination: string;
  device: string | null;
}

export interface HostNetworkFacts {
  links: HostLink[];
  routes: HostRoute[];
}

interface IpAddrEntry {
  ifname: string;
  flags: string[];
  address?: string;
  ifalias?: string;
  master?: string;
  linkinfo?: { info_kind?: string; info_data?: { user?: unknown } };
  addr_info: { family?: string; local?: string; prefixlen?: number }[];
}

/** Reads the output of `ip -j -d addr show`. */
export function parseLinks(json: string): HostLink[] {
  const entries = JSON.parse(json) as Partial<IpAddrEntry>[];
  return entries.flatMap(({ ifname, flags = [], address, ifalias, master, linkinfo, addr_info = [] }) => {
    // iproute2 prints an empty object for each interface that a filter left out.
    if (ifname === undefined) return [];
    const user = linkinfo?.info_data?.user;
    return {
      ...(typeof user === 'number' ? { tapUser: user } : {}),
      name: ifname,
      kind: linkinfo?.info_kind ?? null,
      mac: address ?? null,
      alias: ifalias ?? null,
      up: flags.includes('UP'),
      carrier: flags.includes('LOWER_UP'),
      master: master ?? null,
      addresses: addr_info.filter(({ family }) => family === 'inet').map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    };
  });
}

/** Reads the output of `ip -j -4 route show table all`. */
export function parseRoutes(json: string): HostRoute[] {
  const entries = JSON.parse(json) as { dst: string; dev?: string }[];
  return entries.map(({ dst, dev }) => ({ destination: dst, device: dev ?? null }));
}

/** @throws NakhodaError `exec.not-found` without iproute2, `exec.failed`, `exec.timeout`. */
export async function readLinks(options: { signal?: AbortSignal } = {}): Promise<HostLink[]> {
  return parseLinks(await ip(['-d', 'addr', 'show'], options.signal));
}

/** Every address and route that a new network must keep clear of. */
export async function readHostNetwork(options: { signal?: AbortSignal } = {}): Promise<HostNetworkFacts> {
  const links = await readLinks(options);
  return { links, routes: parseRoutes(await ip(['-4', 'route', 'show', 'table', 'all'], options.signal)) };
}

async function ip(args: readonly string[], signal: AbortSignal | undefined): Promise<string> {
  const { stdout } = await exec(['ip', '-j', ...args], { timeoutMs: 10_000, ...(signal ? { signal } : {}) });
  return stdout;
}
