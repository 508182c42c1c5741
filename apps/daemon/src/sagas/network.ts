import { isDeepStrictEqual } from 'node:util';

import type { NetworkSpec } from '@nakhoda/schema';
import type { TaskKind } from '@nakhoda/tasks';

import type { Services } from '../services/context.ts';

/** Makes the bridge and what serves on it; undone when any of it fails. */
export function networkCreateSaga(services: Services): TaskKind<{ spec: NetworkSpec }, object, void> {
  const { networks } = services;
  return {
    kind: 'network.create',
    title: ({ spec }) => `Make network ${spec.name} (${spec.cidr})`,
    target: ({ spec }) => `network/${spec.name}`,
    locks: ({ spec }) => [`network/${spec.name}`],
    onCrash: 'unwind',
    initialState: () => ({}),
    steps: ({ spec }) => [
      {
        name: 'reserve the name',
        do: () => networks.add(spec),
        undo: async () => {
          // A network of the same name that somebody else made is not ours to remove.
          if (networks.specs().some((other) => isDeepStrictEqual(other, spec))) await networks.remove(spec.name);
        },
      },
      {
        name: 'make the bridge and its DHCP server',
        do: (ctx) => networks.bringUp(ctx, spec),
        undo: (ctx) => networks.takeDown(ctx, spec),
      },
    ],
  };
}

/** Deletes a network that no VM is attached to. After a crash it goes on to the end. */
export function networkDeleteSaga(services: Services): TaskKind<{ spec: NetworkSpec }, object, void> {
  const { networks } = services;
  return {
    kind: 'network.delete',
    title: ({ spec }) => `Delete network ${spec.name}`,
    target: ({ spec }) => `network/${spec.name}`,
    locks: ({ spec }) => [`network/${spec.name}`],
    onCrash: 'resume',
    initialState: () => ({}),
    steps: ({ spec }) => [
      { name: 'look whether a VM is attached to it', do: async () => networks.refuseWhileUsed(spec.name) },
      { name: 'take down the bridge and its DHCP server', cancellable: false, do: (ctx) => networks.takeDown(ctx, spec) },
      { name: 'forget it', cancellable: false, do: () => networks.remove(spec.name) },
    ],
  };
}
