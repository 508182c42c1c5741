import { Type } from 'typebox';

import { endpoint } from '../endpoint.ts';
import { NodeName, Timestamp } from '../names.ts';
import { HostCheck, Hypervisor } from '../resources.ts';

const closed = { additionalProperties: false } as const;
const NodeParams = Type.Object({ node: NodeName }, closed);

export const SystemStatus = Type.Object(
  {
    product: Type.Literal('nakhoda'),
    version: Type.String(),
    node: NodeName,
    pid: Type.Integer(),
    startedAt: Timestamp,
    data: Type.String({ description: "the daemon's data folder" }),
    url: Type.String({ description: 'where the page and the HTTPS API are' }),
  },
  closed,
);
export type SystemStatus = Type.Static<typeof SystemStatus>;

export const systemEndpoints = {
  'system.status': endpoint({
    method: 'GET',
    path: '/system',
    result: SystemStatus,
    errors: [],
    permission: 'Sys.Audit',
    summary: 'Show the daemon: version, data folder, address',
  }),
  'system.stop': endpoint({
    method: 'POST',
    path: '/system/stop',
    result: SystemStatus,
    errors: [],
    permission: 'Sys.Modify',
    summary: 'Stop the daemon; VMs go on running',
  }),
  'host.check': endpoint({
    method: 'GET',
    path: '/nodes/:node/check',
    params: NodeParams,
    result: HostCheck,
    errors: ['node.not-found'],
    permission: 'Sys.Audit',
    summary: 'Tell what this host can do, and what is missing',
  }),
  'hypervisor.list': endpoint({
    method: 'GET',
    path: '/nodes/:node/hypervisors',
    params: NodeParams,
    result: Type.Array(Hypervisor),
    errors: ['node.not-found'],
    permission: 'Sys.Audit',
    summary: 'List hypervisors with their version, state and capabilities',
  }),
  'events': endpoint({
    method: 'GET',
    path: '/events',
    result: Type.Unknown(),
    answer: 'sse',
    errors: [],
    permission: 'Sys.Audit',
    summary: 'Stream every change as server-sent events; Last-Event-ID resumes',
  }),
};
