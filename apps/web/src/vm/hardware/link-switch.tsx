import { useLingui } from '@lingui/react/macro';
import type { Vm, VmNic } from '@nakhoda/schema';
import { Switch } from '@patternfly/react-core';
import { useState } from 'react';

import { changeAtOnce } from '../../data/change-vm.ts';

/** The cable of a NIC: pulled and plugged in at once, with a way back. */
export function LinkSwitch({ vm, nic, off }: { vm: Vm; nic: VmNic; off: string | undefined }) {
  const { t } = useLingui();
  const [busy, setBusy] = useState(false);
  const { slot } = nic;
  const put = (linkUp: boolean) => {
    setBusy(true);
    void changeAtOnce(vm, {
      title: linkUp ? t`Plugged in the cable of ${slot} of ${vm.name}` : t`Pulled the cable of ${slot} of ${vm.name}`,
      change: { endpoint: 'nic.set', params: { slot }, body: { linkUp } },
      back: { endpoint: 'nic.set', params: { slot }, body: { linkUp: !linkUp } },
      stands: (now) => now.nics.find((one) => one.slot === slot)?.linkUp === linkUp,
    }).then(() => setBusy(false));
  };
  return (
    <span {...(off === undefined ? {} : { title: off })}>
      <Switch
        id={`link-${slot}`}
        aria-label={t`Cable of ${slot}`}
        label={nic.linkUp ? t`plugged in` : t`pulled`}
        isChecked={nic.linkUp}
        isDisabled={busy || off !== undefined}
        onChange={(_event, checked) => put(checked)}
      />
    </span>
  );
}
