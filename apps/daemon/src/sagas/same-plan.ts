import { isDeepStrictEqual } from 'node:util';

import { NakhodaError } from '@nakhoda/schema';

import type { VmPlan, VmRecord } from '../services/vm-record.ts';

/** True when two plans, or the plans of two records, want the same. Pure. */
export function samePlan(a: VmPlan, b: VmPlan): boolean {
  return isDeepStrictEqual([a.spec, a.attachments, a.cdromPath], [b.spec, b.attachments, b.cdromPath]);
}

/** What a change is refused with that was planned on a record which is another by now. */
export function changedMeanwhile({ spec }: VmRecord): NakhodaError {
  return new NakhodaError('store.conflict', {
    message: `${spec.name} (${spec.vmid}) was changed by somebody else while this change waited.`,
    hint: `Look at it (nakhoda vm show ${spec.name}), then try again.`,
  });
}
