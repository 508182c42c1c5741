import type { MachineSpec } from '@nakhoda/driver';

/** The member that makes the firmware boot from a device; nothing for one that is not in the boot order. */
export function bootIndex({ bootOrder }: Pick<MachineSpec, 'bootOrder'>, name: string): { bootindex?: number } {
  const index = bootOrder.indexOf(name);
  return index === -1 ? {} : { bootindex: index };
}
