import type { HostFact, StoragePool } from '@nakhoda/schema';

export const firstCheckIds = ['qemu', 'virtualbox', 'virtualization', 'network', 'disk'] as const;

/** One of the five things to know of a host before the first VM. */
export interface FirstCheck {
  readonly id: (typeof firstCheckIds)[number];
  readonly status: HostFact['status'] | 'unknown';
  /** What was found, in the daemon's words; empty where nothing was. */
  readonly found: string;
  readonly reason: string;
  readonly remedy: string | null;
}

const worst: readonly HostFact['status'][] = ['missing', 'limited', 'information', 'good'];
/** Of a disk: an installation of an ordinary system needs about so much. */
const comfortableBytes = 10 * 2 ** 30;
const leastBytes = 2 ** 30;

/** Pure. What the daemon has no fact of, since it does not use that hypervisor, is `unknown`. */
export function firstChecks(facts: readonly HostFact[], pools: readonly StoragePool[]): readonly FirstCheck[] {
  const of = (id: FirstCheck['id'], ...names: readonly string[]): FirstCheck => {
    const found = facts.filter((fact) => names.includes(fact.id)).toSorted((a, b) => worst.indexOf(a.status) - worst.indexOf(b.status));
    const [first] = found;
    if (first === undefined) return { id, status: 'unknown', found: '', reason: '', remedy: null };
    return { id, status: first.status, found: first.value, reason: first.reason, remedy: first.remedy ?? null };
  };
  return [
    of('qemu', 'qemu'),
    of('virtualbox', 'virtualbox'),
    of('virtualization', 'cpu-virtualization'),
    of('network', 'bridging', 'dhcp', 'relay', 'firewall'),
    diskCheck(pools),
  ];
}

function diskCheck(pools: readonly StoragePool[]): FirstCheck {
  const free = pools.reduce((sum, { freeBytes }) => sum + freeBytes, 0);
  const status = pools.length === 0 ? 'unknown' : free >= comfortableBytes ? 'good' : free >= leastBytes ? 'limited' : 'missing';
  const found = pools.length === 0 ? '' : `${(free / 2 ** 30).toFixed(1)} GiB`;
  return { id: 'disk', status, found, reason: pools.map(({ path }) => path).join(', '), remedy: null };
}
