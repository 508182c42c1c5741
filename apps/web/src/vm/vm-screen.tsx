import { useLingui } from '@lingui/react/macro';
import { EmptyState, EmptyStateBody, EmptyStateFooter, Label, Spinner, Tab, TabTitleText, Tabs } from '@patternfly/react-core';
import { Link, getRouteApi } from '@tanstack/react-router';
import { Suspense, lazy, type ComponentType } from 'react';

import type { Vm } from '@nakhoda/schema';

import { useVm } from '../data/resources.ts';
import { useTitle } from '../parts/use-title.ts';
import { HypervisorBadge, StateMark } from '../parts/vm-mark.tsx';
import { PowerButtons } from './power-buttons.tsx';
import { SnapshotsTab } from './snapshots-tab.tsx';
import { SummaryTab } from './summary-tab.tsx';
import { VmTasksTab } from './vm-tasks-tab.tsx';

// Parts that not every visit needs are loaded when they are looked at.
const ConsoleTab = lazy(async () => ({ default: (await import('../console/console-tab.tsx')).ConsoleTab }));
const HardwareTab = lazy(async () => ({ default: (await import('./hardware/hardware-tab.tsx')).HardwareTab }));
const NetworkTab = lazy(async () => ({ default: (await import('./hardware/network-tab.tsx')).NetworkTab }));
const OptionsTab = lazy(async () => ({ default: (await import('./options/options-tab.tsx')).OptionsTab }));

const route = getRouteApi('/vms/$vmid');

/** The tabs of a VM, in order; each gets the VM as it is now. */
const tabs: Readonly<Record<string, ComponentType<{ vm: Vm }>>> = {
  summary: SummaryTab,
  console: ConsoleTab,
  hardware: HardwareTab,
  snapshots: SnapshotsTab,
  network: NetworkTab,
  tasks: VmTasksTab,
  options: OptionsTab,
};

/** One VM: what it is, what it does, and everything that can be done with it. */
export function VmScreen() {
  const { t } = useLingui();
  const { vmid } = route.useParams();
  const { tab = 'summary' } = route.useSearch();
  const navigate = route.useNavigate();
  const vm = useVm(Number(vmid));
  useTitle(vm?.name ?? vmid);
  const titles: Readonly<Record<string, string>> = {
    summary: t`Summary`,
    console: t`Console`,
    hardware: t`Hardware`,
    network: t`Network`,
    options: t`Options`,
    snapshots: t`Snapshots`,
    tasks: t`Tasks`,
  };

  if (vm === undefined) return <Spinner aria-label={t`Reading the VM`} />;
  if (vm === null) {
    return (
      <div className="nk-screen">
        <EmptyState titleText={t`There is no VM ${vmid}`} headingLevel="h1">
          <EmptyStateBody>{t`It was destroyed, or never was. Its tasks tell who did what.`}</EmptyStateBody>
          <EmptyStateFooter>
            <Link to="/vms" search={{}}>{t`To the list of VMs`}</Link>
          </EmptyStateFooter>
        </EmptyState>
      </div>
    );
  }
  const Shown = tabs[tab] ?? SummaryTab;
  return (
    <div className="nk-screen">
      <div className="nk-screen__head">
        <h1>
          <HypervisorBadge id={vm.hypervisor} /> {vm.vmid} {vm.name}
        </h1>
        <StateMark state={vm.state} withName />
        {vm.template && <Label>{t`template`}</Label>}
        {vm.protection && <Label>{t`protected`}</Label>}
        {vm.suspended && <Label>{t`suspended to disk`}</Label>}
        {vm.tags.map((tag) => (
          <Label key={tag} color="teal" isCompact>
            {tag}
          </Label>
        ))}
        <div className="nk-screen__actions">
          <PowerButtons vm={vm} />
        </div>
      </div>
      <Tabs
        activeKey={tab in tabs ? tab : 'summary'}
        aria-label={t`Parts of the VM`}
        onSelect={(_event, key) => void navigate({ search: { tab: String(key) } })}
      >
        {Object.keys(tabs).map((key) => (
          <Tab key={key} eventKey={key} title={<TabTitleText>{titles[key]}</TabTitleText>} tabContentId="vm-tab" />
        ))}
      </Tabs>
      <section id="vm-tab" role="tabpanel" aria-label={titles[tab] ?? ''}>
        <Suspense fallback={<Spinner aria-label={t`Loading`} />}>
          <Shown vm={vm} />
        </Suspense>
      </section>
    </div>
  );
}
