import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { Alert } from '@patternfly/react-core';
import { Link } from '@tanstack/react-router';

/** What somebody changed with the hypervisor's own tools, and what one does about it: the daemon overwrites nothing of it by itself. */
export function OutsideAlert({ vm }: { vm: Vm }) {
  const { t } = useLingui();
  if (vm.changedOutside === undefined || vm.changedOutside.length === 0) return null;
  return (
    <Alert variant="warning" isInline title={t`Changed with the hypervisor's own tools`}>
      <ul className="nk-outside">
        {vm.changedOutside.map((change) => (
          <li key={change} className="nk-isolate">
            {change}
          </li>
        ))}
      </ul>
      <p>
        {t`Nothing overwrites this by itself. If it is to stay, set the same here, in the VM's hardware. If not, set it back with the tool that changed it.`}{' '}
        {vm.adopted === undefined &&
          t`Any change of the hardware that is made here while the VM is stopped writes all of it as it is wanted here.`}{' '}
        <Link to="/vms/$vmid" params={{ vmid: String(vm.vmid) }} search={{ tab: 'hardware' }}>
          {t`To the hardware`}
        </Link>
      </p>
    </Alert>
  );
}
