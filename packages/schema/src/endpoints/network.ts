import { Type } from 'typebox';

import { endpoint } from '../endpoint.ts';
import { Cidr, NetworkName, NodeName } from '../names.ts';
import { Network, StoragePool } from '../resources.ts';
import { Task } from '../task.ts';

const closed = { additionalProperties: false } as const;
const NetworkParams = Type.Object({ network: NetworkName }, closed);

export const NetworkCreate = Type.Object(
  {
    name: NetworkName,
    cidr: Cidr,
    dhcp: Type.Optional(Type.Boolean({ description: 'give addresses to guests by DHCP' })),
    node: Type.Optional(NodeName),
  },
  closed,
);
export type NetworkCreate = Type.Static<typeof NetworkCreate>;

export const networkEndpoints = {
  'network.create': endpoint({
    method: 'POST',
    path: '/networks',
    body: NetworkCreate,
    result: Task,
    answer: 'task',
    errors: [
      'network.name-taken',
      'network.cidr-invalid',
      'network.cidr-overlap',
      'network.bridge-exists',
      'network.failed',
      'node.not-found',
    ],
    permission: 'SDN.Allocate',
    summary: 'Make a network that guests of every hypervisor share',
    cli: { words: ['network', 'create'], positional: ['name'] },
  }),
  'network.list': endpoint({
    method: 'GET',
    path: '/networks',
    result: Type.Array(Network),
    errors: [],
    permission: 'SDN.Audit',
    summary: 'List networks',
    cli: { words: ['network', 'list'] },
  }),
  'network.show': endpoint({
    method: 'GET',
    path: '/networks/:network',
    params: NetworkParams,
    result: Network,
    errors: ['network.not-found'],
    permission: 'SDN.Audit',
    summary: 'Show a network with the addresses on it',
    cli: { words: ['network', 'show'], positional: ['network'] },
  }),
  'network.delete': endpoint({
    method: 'DELETE',
    path: '/networks/:network',
    params: NetworkParams,
    result: Task,
    answer: 'task',
    errors: ['network.not-found', 'network.in-use', 'network.failed'],
    permission: 'SDN.Allocate',
    summary: 'Delete a network that no VM is attached to',
    cli: { words: ['network', 'delete'], positional: ['network'] },
  }),
  'storage.list': endpoint({
    method: 'GET',
    path: '/storage',
    result: Type.Array(StoragePool),
    errors: [],
    permission: 'Datastore.Audit',
    summary: 'List storage pools',
    cli: { words: ['storage', 'list'] },
  }),
};
