import { matchesName, SnapshotName } from '@nakhoda/schema';

const longest = 40;

/**
 * Names of ours for snapshots that are called anything, in the same order: each a snapshot's name by our rule, no two
 * alike. A name that is one already, and the first of its kind, stays. Pure.
 */
export function safeNames(names: readonly string[]): string[] {
  const kept = new Set<string>();
  const fit = names.map((name) => {
    if (!matchesName(SnapshotName, name) || kept.has(name)) return null;
    kept.add(name);
    return name;
  });
  return names.map((name, index) => {
    const good = fit[index];
    if (typeof good === 'string') return good;
    const safe = unused(name, kept);
    kept.add(safe);
    return safe;
  });
}

function unused(name: string, taken: ReadonlySet<string>): string {
  const plain = name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^A-Za-z0-9_-]+/gu, '-')
    .replaceAll(/^[^A-Za-z]+|-+$/gu, '')
    .slice(0, longest);
  const base = plain === '' ? 'snapshot' : plain;
  for (let number = 1; ; number += 1) {
    const end = number === 1 ? '' : `-${number}`;
    const candidate = base.slice(0, longest - end.length) + end;
    if (!taken.has(candidate)) return candidate;
  }
}
