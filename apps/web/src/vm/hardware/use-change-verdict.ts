import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';

import { verdictOf } from '../../data/actions.ts';

/** Whether the VM's hardware can be changed now, and why not. */
export function useChangeVerdict(vm: Vm): { readonly allowed: boolean; readonly reason?: string | undefined } {
  const { t } = useLingui();
  const verdict = verdictOf(vm, 'set');
  if (verdict.allowed && vm.suspended)
    return { allowed: false, reason: t`It is suspended to disk: start it, or discard its memory first.` };
  return verdict;
}
