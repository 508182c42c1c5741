import type { Vm } from '@nakhoda/schema';

/** Whether a linked clone can be made of this, or why not. The daemon's own rule (its clone planner), said before it refuses. Pure. */
export function linkedOffer(
  vm: Pick<Vm, 'template' | 'adopted'>,
  snapshot: string | null,
): { readonly offered: true } | { readonly offered: false; readonly reason: 'changing-disks' | 'adopted' } {
  if (vm.adopted !== undefined) return { offered: false, reason: 'adopted' };
  return vm.template || snapshot !== null ? { offered: true } : { offered: false, reason: 'changing-disks' };
}

/** A name for a clone that no VM has: `web-clone`, then `web-clone2` and so on; names have at most 63 characters. Pure. */
export function cloneName(source: string, taken: readonly string[]): string {
  const names = new Set(taken.map((name) => name.toLowerCase()));
  for (let count = 1; ; count += 1) {
    const end = count === 1 ? '-clone' : `-clone${count}`;
    const name = source.slice(0, 63 - end.length) + end;
    if (!names.has(name.toLowerCase())) return name;
  }
}
