import { NakhodaError, type Task, toNakhodaError, type ExecLine, type VmAction } from '@nakhoda/schema';

import type { Handlers } from '../http/handlers.ts';
import { defaultShutdownSeconds } from '../sagas/vm-power.ts';
import { requireOwnDisks } from '../services/adoptions.ts';
import { requireState, requireUnprotected } from '../sagas/vm-steps.ts';
import type { Services } from '../services/context.ts';
import { quietContext } from '../services/hypervisors.ts';
import { planNewVm } from '../services/plans.ts';
import { refuseClonedVm } from '../services/templates.ts';
import { unusedDisks } from '../services/unused-disks.ts';
import type { VmRecord } from '../services/vm-record.ts';
import { chunkQueue } from './chunk-queue.ts';
import { answerSeconds, reachGuest, silentGuestError } from './reach-guest.ts';
import { userOf } from './user-of.ts';

/** Pieces of output (64 KiB at most) that may wait for a reader; a guest must not fill the daemon's memory. */
const mostPending = 1024;
/** Seconds that a command in a guest may run when the caller names no limit. */
const defaultExecSeconds = 3600;

type VmHandlers = Pick<Handlers, 'vm.create' | 'vm.list' | 'vm.show' | 'vm.start' | 'vm.shutdown' | 'vm.stop' | 'vm.destroy' | 'vm.exec'>;

export function vmHandlers(services: Services): VmHandlers {
  const { inventory, hypervisors, engine, log } = services;

  /** Finds the VM, and refuses at once what its state does not allow; the task asks again when its turn has come. */
  const find = (reference: string, action?: VmAction): VmRecord => {
    const record = inventory.resolve(reference);
    // A task that holds the VM may leave it in the right state.
    if (action && !engine.isLocked(`vm/${record.spec.vmid}`)) requireState(services, record, action);
    return record;
  };
  const begin = (kind: string, record: VmRecord, request: Parameters<typeof userOf>[0], more: object = {}): Promise<Task> =>
    engine.start(kind, { vmid: record.spec.vmid, name: record.spec.name, ...more }, userOf(request));

  return {
    'vm.create': async (request) => {
      const record = await planNewVm(services, request.body);
      return engine.start('vm.create', { record, start: request.body.start ?? false }, userOf(request));
    },

    'vm.list': async ({ query }) => {
      const order = { vmid: (a: VmRecord, b: VmRecord) => a.spec.vmid - b.spec.vmid, name: byText('name'), state: byState(services) }[
        query.sort ?? 'vmid'
      ];
      const all = inventory
        .records()
        .filter((record) => query.hypervisor === undefined || record.spec.hypervisor === query.hypervisor)
        .filter((record) => query.state === undefined || inventory.state(record.spec.vmid) === query.state)
        .sort(order);
      const from = query.cursor === undefined ? 0 : all.findIndex((record) => String(record.spec.vmid) === query.cursor) + 1;
      return all.slice(from, from + (query.limit ?? all.length)).map((record) => inventory.view(record));
    },

    'vm.show': async ({ params }) => {
      const record = inventory.resolve(params.vm);
      await inventory.refresh(record.spec.vmid);
      return { ...inventory.view(record), unused: await unusedDisks(services, record) };
    },

    'vm.start': async (request) => {
      const record = find(request.params.vm, 'start');
      await hypervisors.usable(record.spec.hypervisor);
      return begin('vm.start', record, request);
    },
    'vm.shutdown': async (request) =>
      begin('vm.shutdown', find(request.params.vm, 'shutdown'), request, {
        timeoutSeconds: request.body.timeoutSeconds ?? defaultShutdownSeconds,
      }),
    'vm.stop': async (request) => begin('vm.stop', find(request.params.vm, 'stop'), request, { timeoutSeconds: 30 }),
    'vm.destroy': async (request) => {
      const record = find(request.params.vm, 'destroy');
      requireUnprotected(record);
      refuseClonedVm(record, inventory.records());
      requireOwnDisks(record, request.query.adoptedDisks === true);
      return begin('vm.destroy', record, request);
    },

    'vm.exec': async ({ params, body, signal }) => {
      const { guest, vmid, name } = reachGuest(services, params.vm);
      const ctx = quietContext(log, signal);
      if ((await guest.ready(ctx, { vmid, timeoutSeconds: answerSeconds })) === null) throw silentGuestError(name);
      const queue = chunkQueue<ExecLine>();
      const overflow = new AbortController();
      const line = (stream: 'stdout' | 'stderr') => (data: Uint8Array) => {
        if (queue.pending() >= mostPending) overflow.abort(unread());
        else queue.push({ stream, data: Buffer.from(data).toString('base64') });
      };
      guest
        .exec(quietContext(log, AbortSignal.any([signal, overflow.signal])), {
          vmid,
          argv: body.argv,
          ...(body.stdin === undefined ? {} : { input: Buffer.from(body.stdin, 'base64') }),
          timeoutSeconds: body.timeoutSeconds ?? defaultExecSeconds,
          onStdout: line('stdout'),
          onStderr: line('stderr'),
        })
        .then(({ exitCode }) => queue.push({ exitCode }))
        .catch((error: unknown) => queue.push({ error: toNakhodaError(error).toBody() }))
        .finally(() => queue.end());
      return queue;
    },
  };
}

function unread(): NakhodaError {
  return new NakhodaError('guest.exec-failed', {
    message: 'The command printed faster than its output was read, and was ended.',
    hint: 'Let it write into a file in the guest, and read that.',
  });
}

function byText(field: 'name'): (a: VmRecord, b: VmRecord) => number {
  return (a, b) => a.spec[field].localeCompare(b.spec[field], 'en') || a.spec.vmid - b.spec.vmid;
}

function byState({ inventory }: Services): (a: VmRecord, b: VmRecord) => number {
  return (a, b) => inventory.state(a.spec.vmid).localeCompare(inventory.state(b.spec.vmid)) || a.spec.vmid - b.spec.vmid;
}
