import type { Snapshot } from '@nakhoda/schema';

import { moment } from './text.ts';

/** The lines of a VM's snapshot tree, each child indented below its parent, and where the VM stands now. */
export function snapshotTree(snapshots: readonly Snapshot[]): string[] {
  const names = new Set(snapshots.map(({ name }) => name));
  const childrenOf = Map.groupBy(snapshots, ({ parent }) => (parent !== null && names.has(parent) ? parent : null));
  const here = 'you are here';
  const below = (parent: string | null, indent: string): string[] => {
    const nodes: (Snapshot | null)[] = [...(childrenOf.get(parent) ?? [])];
    const isHere =
      parent === null ? !snapshots.some(({ current }) => current) : snapshots.some(({ name, current }) => name === parent && current);
    // The VM's present state grows from its snapshot like one more child.
    if (isHere) nodes.push(null);
    return nodes.flatMap((node, index) => {
      const isLast = index === nodes.length - 1;
      const isRoot = parent === null;
      const branch = isRoot ? '' : isLast ? '└─ ' : '├─ ';
      if (node === null) return [`${indent}${branch}${here}`];
      const deeper = isRoot ? '' : `${indent}${isLast ? '   ' : '│  '}`;
      return [`${indent}${branch}${describe(node)}`, ...below(node.name, deeper)];
    });
  };
  return below(null, '');
}

function describe({ name, createdAt, memory, description, changes = [] }: Snapshot): string {
  const brings = changes.length > 0 ? `brings back ${changes.join(', ')}` : '';
  return [name, moment(createdAt), memory ? 'with memory' : '', brings, description].filter((part) => part !== '').join('  ');
}
