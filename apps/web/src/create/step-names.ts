import { useLingui } from '@lingui/react/macro';

import type { StepId } from './places.ts';

export function useStepNames(): Readonly<Record<StepId, string>> {
  const { t } = useLingui();
  return {
    hypervisor: t`Hypervisor`,
    os: t`System`,
    compute: t`Compute`,
    disk: t`Disk`,
    network: t`Network`,
    automation: t`Automation`,
    review: t`Review`,
  };
}
