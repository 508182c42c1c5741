import { useLingui } from '@lingui/react/macro';

import type { PowerAction } from '../data/actions.ts';

/** What the orders to a VM's power are called. */
export function usePowerNames(): Readonly<Record<PowerAction, string>> {
  const { t } = useLingui();
  return {
    start: t`Start`,
    shutdown: t`Shut down`,
    stop: t`Stop`,
    pause: t`Pause`,
    resume: t`Resume`,
    reset: t`Reset`,
    suspend: t`Suspend to disk`,
    discard: t`Discard the suspended state`,
  };
}
