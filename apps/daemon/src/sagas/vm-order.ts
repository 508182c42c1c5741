import type { Driver, DriverContext } from '@nakhoda/driver';
import { NakhodaError, type VmState } from '@nakhoda/schema';
import type { TaskKind } from '@nakhoda/tasks';

import type { Services } from '../services/context.ts';
import type { VmInput } from './vm-power.ts';
import { requireRecord, requireState } from './vm-steps.ts';

export const vmOrders = ['pause', 'resume', 'reset', 'suspend', 'discard'] as const;
export type VmOrder = (typeof vmOrders)[number];

const titles: Record<VmOrder, (vm: string) => string> = {
  pause: (vm) => `Pause ${vm}`,
  resume: (vm) => `Resume ${vm}`,
  reset: (vm) => `Reset ${vm}`,
  suspend: (vm) => `Suspend ${vm} to disk`,
  discard: (vm) => `Throw the memory of ${vm} away`,
};

/** Whether a VM in this state is as the order wants it. */
const isDone: Record<VmOrder, (state: VmState, suspended: boolean) => boolean> = {
  pause: (state) => state === 'paused',
  resume: (state) => state === 'running',
  reset: () => false,
  suspend: (state, suspended) => state === 'stopped' && suspended,
  discard: (state, suspended) => state === 'stopped' && !suspended,
};

/** The driver's way to carry out an order, or undefined where its hypervisor has none. */
function wayOf(driver: Driver, order: VmOrder): ((ctx: DriverContext, options: { vmid: number }) => Promise<void>) | undefined {
  switch (order) {
    case 'pause':
      return driver.pause?.pause;
    case 'resume':
      return driver.pause?.resume;
    case 'reset':
      return driver.reset;
    case 'suspend':
      return driver.suspend?.suspend;
    case 'discard':
      return driver.suspend?.discard;
  }
}

/** @throws NakhodaError `vm.unsupported` */
export function requireOrder({ hypervisors }: Services, { spec }: ReturnType<typeof requireRecord>, order: VmOrder) {
  const way = wayOf(hypervisors.driver(spec.hypervisor), order);
  if (way) return way;
  throw new NakhodaError('vm.unsupported', {
    message: `${spec.hypervisor} cannot ${order} VMs on this host.`,
    hint: `\`nakhoda vm show ${spec.name} --json\` tells which actions there are.`,
  });
}

/** One order to a VM's power. Each is idempotent, so after a crash of the daemon it is given again. */
export function vmOrderSaga(services: Services, order: VmOrder): TaskKind<VmInput, object, void> {
  const { inventory, networks } = services;
  return {
    kind: `vm.${order}`,
    title: ({ name, vmid }) => titles[order](`${name} (${vmid})`),
    target: ({ vmid }) => `vm/${vmid}`,
    locks: ({ vmid }) => [`vm/${vmid}`],
    initialState: () => ({}),
    onCrash: 'resume',
    steps: ({ vmid }) => [
      {
        name: 'look whether it can be done',
        do: async () => {
          const record = requireRecord(services, vmid);
          // Somebody else, or this task before a crash, has brought it about already.
          if (isDone[order](inventory.state(vmid), inventory.status(vmid)?.suspended ?? false)) return;
          requireState(services, record, order);
        },
      },
      {
        name: order,
        cancellable: false,
        do: async (ctx) => {
          if (order === 'suspend') inventory.setTransition(vmid, 'stopping');
          try {
            await requireOrder(services, requireRecord(services, vmid), order)(ctx, { vmid });
          } finally {
            if (order === 'suspend') inventory.setTransition(vmid, null);
            await inventory.refresh(vmid);
          }
        },
      },
      ...(order === 'suspend'
        ? [
            {
              name: 'take its NICs off their networks',
              do: (ctx: DriverContext) => networks.detach(ctx, requireRecord(services, vmid)),
            },
          ]
        : []),
    ],
  };
}
