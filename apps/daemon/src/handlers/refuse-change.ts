import { requireFreeDisks, requireTemplateChange } from '../sagas/require-change.ts';
import { requireNotSuspended, requireState } from '../sagas/vm-steps.ts';
import type { Services } from '../services/context.ts';
import { quietContext } from '../services/hypervisors.ts';
import { touchesMachine } from '../services/pending-changes.ts';
import type { VmPlan, VmRecord } from '../services/vm-record.ts';

/**
 * Refuses at once a change of a VM's machine that its state or its snapshots do not allow. The task asks again when
 * its turn has come; one that holds the VM now may leave it in the right state, so then the task alone asks.
 * @throws NakhodaError `vm.wrong-state`, `snapshot.uses-disk`, `vm.is-template`, `vm.has-clones`
 */
export async function refuseChange(services: Services, record: VmRecord, after: VmPlan): Promise<void> {
  if (services.engine.isLocked(`vm/${record.spec.vmid}`)) return;
  await requireTemplateChange(services, quietContext(services.log), record, after);
  if (!touchesMachine(record, after)) return;
  requireState(services, record, 'set');
  requireNotSuspended(services, record);
  await requireFreeDisks(services, quietContext(services.log), record, after);
}
