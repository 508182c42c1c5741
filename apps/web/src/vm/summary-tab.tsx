import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import {
  Alert,
  Card,
  CardBody,
  CardTitle,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
} from '@patternfly/react-core';
import type { ReactNode } from 'react';

import { gibibytes, mebibytes, time } from '../data/format.ts';
import { Uptime } from '../parts/uptime.tsx';
import { StateMark, hypervisorTitles } from '../parts/vm-mark.tsx';
import { GuestCard } from './guest-card.tsx';
import { RevertDialog } from './hardware/revert-dialog.tsx';
import { OutsideAlert } from './hardware/outside-alert.tsx';
import { PendingAlert } from './hardware/pending-alert.tsx';
import { NotesCard } from './options/notes-card.tsx';
import { Screenshot } from './screenshot.tsx';
import './summary-tab.css';
import { useAsked } from './use-asked.ts';

/** What Proxmox VE's summary tells of a VM, with a picture of its screen. */
export function SummaryTab({ vm }: { vm: Vm }) {
  const { t } = useLingui();
  const { asked, ask } = useAsked();
  const disk = vm.disks[0];
  const facts: readonly (readonly [string, ReactNode])[] = [
    [t`State`, <StateMark key="state" state={vm.state} withName />],
    [t`Node`, vm.node],
    [t`Hypervisor`, hypervisorTitles[vm.hypervisor] + (vm.execution === undefined ? '' : ` (${vm.execution.mode})`)],
    [t`Processors`, String(vm.cores * vm.sockets)],
    [t`Memory`, mebibytes(vm.memoryMiB)],
    [t`Boot disk`, disk === undefined ? '–' : `${disk.slot}, ${gibibytes(disk.sizeGiB)}, ${disk.format}`],
    [t`CD drive`, vm.cdrom ?? '–'],
    [t`Networks`, vm.nics.map(({ network }) => network).join(', ') || '–'],
    [t`Addresses`, vm.addresses.join(', ') || '–'],
    [t`Uptime`, <Uptime key="uptime" vm={vm} />],
    [t`Snapshot it goes on from`, vm.currentSnapshot ?? '–'],
    [t`Folder`, vm.folder || '–'],
    [t`Made`, time(vm.createdAt)],
    [t`Observed`, time(vm.observedAt)],
  ];
  return (
    <div className="nk-summary">
      {vm.stateReason !== undefined && vm.state !== 'running' && (
        <Alert
          className="nk-summary__wide"
          variant={vm.state === 'crashed' ? 'danger' : 'info'}
          isInline
          title={<span className="nk-isolate">{vm.stateReason}</span>}
        />
      )}
      <div className="nk-summary__wide">
        <PendingAlert vm={vm} onRevert={() => ask('revert')} />
        <OutsideAlert vm={vm} />
      </div>
      <Card>
        <CardBody>
          <DescriptionList isCompact isHorizontal>
            {facts.map(([term, description]) => (
              <DescriptionListGroup key={term}>
                <DescriptionListTerm>{term}</DescriptionListTerm>
                <DescriptionListDescription className="nk-live nk-isolate">{description}</DescriptionListDescription>
              </DescriptionListGroup>
            ))}
          </DescriptionList>
        </CardBody>
      </Card>
      <Card>
        <CardTitle component="h2">{t`Screen`}</CardTitle>
        <CardBody>
          <Screenshot vm={vm} />
        </CardBody>
      </Card>
      <GuestCard vm={vm} />
      <NotesCard vm={vm} />
      {asked === 'revert' && <RevertDialog vm={vm} onClose={() => ask(undefined)} />}
    </div>
  );
}
