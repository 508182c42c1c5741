import { useLingui } from '@lingui/react/macro';
import type { Network, Vm } from '@nakhoda/schema';
import { Button } from '@patternfly/react-core';
import { useState } from 'react';

import { api } from '../data/session.ts';
import { waitForTask } from '../data/wait-for-task.ts';
import { Confirm } from '../parts/confirm.tsx';

/** Deletes a network that no VM is on; while one is, the button is off and says which. */
export function DeleteNetworkButton({ network, vms }: { network: Network; vms: readonly Vm[] }) {
  const { t } = useLingui();
  const [asked, setAsked] = useState(false);
  const { name, bridge, cidr } = network;
  const used = vms.length > 0;
  const users = vms.map((vm) => vm.name).join(', ');
  return (
    <>
      <Button
        variant="link"
        size="sm"
        isDanger
        isAriaDisabled={used}
        {...(used ? { title: t`VMs are on it: ${users}` } : {})}
        aria-label={t`Delete the network ${name}`}
        onClick={() => !used && setAsked(true)}
      >
        {t`Delete`}
      </Button>
      {asked && (
        <Confirm
          title={t`Delete the network ${name}`}
          action={t`Delete`}
          danger
          onConfirm={async () => waitForTask((await api.call('network.delete', { params: { network: name } })).id)}
          onClose={() => setAsked(false)}
        >
          <p>
            {t`The bridge ${bridge} with the range ${cidr}, its DHCP and what it knows of addresses go away. No VM is on it. A network of the same name and range can be made again.`}
          </p>
        </Confirm>
      )}
    </>
  );
}
