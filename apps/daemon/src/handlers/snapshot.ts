import { NakhodaError, type Snapshot } from '@nakhoda/schema';

import type { Handlers } from '../http/handlers.ts';
import { requireSnapshots } from '../sagas/snapshot.ts';
import { requireState } from '../sagas/vm-steps.ts';
import type { Services } from '../services/context.ts';
import { quietContext } from '../services/hypervisors.ts';
import { planRollbackTo, withChanges } from '../services/rollbacks.ts';
import { refuseClonedSnapshot } from '../services/templates.ts';
import { userOf } from './user-of.ts';

type SnapshotHandlers = Pick<Handlers, 'snapshot.take' | 'snapshot.list' | 'snapshot.rollback' | 'snapshot.delete'>;

export function snapshotHandlers(services: Services): SnapshotHandlers {
  const { inventory, engine, log } = services;

  const target = (reference: string): { vmid: number; name: string } => {
    const { vmid, name } = inventory.resolve(reference).spec;
    requireSnapshots(services, vmid);
    return { vmid, name };
  };
  /** It, and all there are. @throws NakhodaError `snapshot.not-found`, before a task is made */
  const requireSnapshot = async (vmid: number, name: string, snapshot: string): Promise<{ found: Snapshot; present: Snapshot[] }> => {
    const present = await requireSnapshots(services, vmid).list(quietContext(log), { vmid });
    const found = present.find((one) => one.name === snapshot);
    if (found) return { found, present };
    throw new NakhodaError('snapshot.not-found', {
      message: `${name} has no snapshot called ${snapshot}.`,
      hint:
        present.length === 0
          ? `It has none. Take one: nakhoda snapshot take ${name}`
          : `It has: ${present.map((one) => one.name).join(', ')}.`,
    });
  };

  return {
    'snapshot.take': async (request) => {
      const { vmid, name } = target(request.params.vm);
      const record = inventory.resolve(request.params.vm);
      if (!engine.isLocked(`vm/${vmid}`)) requireState(services, record, 'snapshot-take');
      const memory = request.body.memory ?? false;
      if (memory && inventory.state(vmid) !== 'running' && inventory.state(vmid) !== 'paused') {
        throw new NakhodaError('snapshot.needs-running', {
          message: `${name} is ${inventory.state(vmid)}, so it has no memory to keep.`,
          hint: 'Leave --memory out, or start the VM first.',
        });
      }
      const snapshot = request.body.name ?? `s${new Date().toISOString().replace(/\D/gu, '').slice(0, 14)}`;
      return engine.start('snapshot.take', { vmid, name, snapshot, description: request.body.description ?? '', memory }, userOf(request));
    },

    'snapshot.list': async ({ params }) => {
      const { vmid } = target(params.vm);
      const snapshots = await requireSnapshots(services, vmid).list(quietContext(log), { vmid });
      return withChanges(services, inventory.resolve(params.vm), snapshots);
    },

    'snapshot.rollback': async (request) => {
      const { vmid, name } = target(request.params.vm);
      const { found } = await requireSnapshot(vmid, name, request.params.name);
      // A task that holds the VM may leave it otherwise, so then the task alone asks.
      if (!engine.isLocked(`vm/${vmid}`)) await planRollbackTo(services, inventory.resolve(request.params.vm), found);
      return engine.start('snapshot.rollback', { vmid, name, snapshot: request.params.name }, userOf(request));
    },

    'snapshot.delete': async (request) => {
      const { vmid, name } = target(request.params.vm);
      const { present } = await requireSnapshot(vmid, name, request.params.name);
      refuseClonedSnapshot(inventory.resolve(request.params.vm), request.params.name, present, inventory.records());
      return engine.start('snapshot.delete', { vmid, name, snapshot: request.params.name }, userOf(request));
    },
  };
}
