import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { NakhodaError, endpoints, type EndpointId, type Task, type Vm } from '@nakhoda/schema';

import { defaultHardware, fixedHardware } from '../../packages/driver/src/index.ts';
import { defaultOptions } from '../../apps/daemon/src/services/vm-defaults.ts';
import { localGate } from '../../apps/daemon/src/auth/gates.ts';
import { buildServer } from '../../apps/daemon/src/http/build-server.ts';
import type { Handlers } from '../../apps/daemon/src/http/handlers.ts';
import { listenOnSocket } from '../../apps/daemon/src/http/listen-on-socket.ts';

const at = '2026-01-02T03:04:05.678Z';

/** Handlers that all refuse with `internal`, but for those given. */
export function stubHandlers(given: Partial<Handlers> = {}): Handlers {
  const refusing = Object.keys(endpoints).map((id) => [
    id,
    () => Promise.reject(new NakhodaError('internal', { message: `The test has no ${id}.`, hint: 'Give it one.' })),
  ]);
  return { ...(Object.fromEntries(refusing) as Record<EndpointId, never>), ...given };
}

export function stubVm(vm: Partial<Vm> = {}): Vm {
  return {
    vmid: 100,
    name: 'web',
    uuid: '00000000-0000-4000-8000-000000000000',
    node: 'local',
    hypervisor: 'qemu',
    cores: 2,
    memoryMiB: 512,
    ...defaultHardware(fixedHardware),
    ...defaultOptions,
    cloudInit: null,
    disks: [],
    cdrom: null,
    nics: [],
    createdAt: at,
    state: 'running',
    addresses: ['10.77.0.10'],
    uptimeSeconds: 3725,
    observedAt: at,
    suspended: false,
    pending: [],
    actions: {},
    ...vm,
  };
}

export function stubTask(task: Partial<Task> = {}): Task {
  return {
    id: 't1',
    kind: 'vm.start',
    title: 'Start web',
    state: 'succeeded',
    target: 'vm/100',
    user: 'root@local',
    createdAt: at,
    startedAt: at,
    endedAt: '2026-01-02T03:04:08.678Z',
    progress: 1,
    steps: [],
    result: null,
    error: null,
    ...task,
  };
}

/** A server with stub handlers on the Unix socket of a data folder of its own. */
export interface StubServer {
  readonly data: string;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startStubServer(handlers: Partial<Handlers>): Promise<StubServer> {
  const data = await mkdtemp(join(tmpdir(), 'nks-'));
  await mkdir(join(data, 'run'));
  const server = await buildServer({ handlers: stubHandlers(handlers), gate: localGate });
  await listenOnSocket(server, join(data, 'run/nakhoda.sock'));
  return {
    data,
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(data, { recursive: true, force: true });
    },
  };
}
