import type { Hypervisor, StoragePool, Vm } from '@nakhoda/schema';

/** What a new VM would take of the host, and what is left then. */
export interface Capacity {
  readonly memory: { readonly takenMiB: number; readonly wantedMiB: number; readonly totalMiB: number };
  readonly disk: { readonly freeGiB: number; readonly wantedGiB: number } | null;
  readonly warnings: readonly ('memory' | 'disk')[];
}

/** What the host can still carry once there is one more VM. Disks grow as guests write, so a large one is a warning and no more. Pure. */
export function capacityOf(
  wanted: { readonly memoryMiB: number; readonly diskGiB: number },
  { vms, hypervisor, pools }: { vms: readonly Vm[]; hypervisor: Hypervisor | undefined; pools: readonly StoragePool[] | undefined },
): Capacity {
  const takenMiB = vms.filter(({ state }) => state !== 'stopped' && state !== 'crashed').reduce((sum, vm) => sum + vm.memoryMiB, 0);
  const totalMiB = hypervisor?.capabilities.maxMemoryMiB ?? 0;
  const pool = pools?.find(({ content }) => content.includes('images')) ?? pools?.[0];
  const disk = pool === undefined ? null : { freeGiB: pool.freeBytes / 2 ** 30, wantedGiB: wanted.diskGiB };
  return {
    memory: { takenMiB, wantedMiB: wanted.memoryMiB, totalMiB },
    disk,
    warnings: [
      ...(totalMiB > 0 && takenMiB + wanted.memoryMiB > totalMiB ? ['memory' as const] : []),
      ...(disk !== null && disk.wantedGiB > disk.freeGiB ? ['disk' as const] : []),
    ],
  };
}
