import { useLingui } from '@lingui/react/macro';
import { EmptyState, EmptyStateBody, Spinner } from '@patternfly/react-core';
import { getRouteApi } from '@tanstack/react-router';

import { useVm } from '../data/resources.ts';
import { useTitle } from '../parts/use-title.ts';
import { HypervisorBadge, StateMark } from '../parts/vm-mark.tsx';
import { Console } from './console.tsx';

const route = getRouteApi('/vms/$vmid/console');

/** The console in a window of its own: nothing around it but what it is of. */
export function ConsoleWindow() {
  const { t } = useLingui();
  const { vmid } = route.useParams();
  const { console: chosen } = route.useSearch();
  const navigate = route.useNavigate();
  const vm = useVm(Number(vmid));
  useTitle(t`Console of ${vm?.name ?? vmid}`);
  if (vm === undefined) return <Spinner aria-label={t`Reading the VM`} />;
  if (vm === null) {
    return (
      <EmptyState titleText={t`There is no VM ${vmid}`} headingLevel="h1">
        <EmptyStateBody>{t`It was destroyed, or never was. Its tasks tell who did what.`}</EmptyStateBody>
      </EmptyState>
    );
  }
  return (
    <main className="nk-console-window">
      <h1>
        <HypervisorBadge id={vm.hypervisor} /> {vm.vmid} {vm.name} <StateMark state={vm.state} withName />
      </h1>
      <Console
        key={vm.vmid}
        vm={vm}
        kind={chosen === 'serial' ? 'serial' : 'vnc'}
        ownWindow
        onKind={(next) => void navigate({ search: { console: next }, replace: true })}
      />
    </main>
  );
}
