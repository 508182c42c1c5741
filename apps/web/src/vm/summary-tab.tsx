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
import { Screenshot } from './screenshot.tsx';
import './summary-tab.css';

/** What Proxmox VE's summary tells of a VM, with a picture of its screen. */
export function SummaryTab({ vm }: { vm: Vm }) {
  const { t } = useLingui();
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
      {vm.pending.length > 0 && (
        <Alert
          className="nk-summary__wide"
          variant="info"
          isInline
          title={t`Waiting for the next start: ${vm.pending.map(({ field }) => field).join(', ')}`}
        />
      )}
      {vm.changedOutside !== undefined && vm.changedOutside.length > 0 && (
        <Alert
          className="nk-summary__wide"
          variant="warning"
          isInline
          title={t`Changed with the hypervisor's own tools: ${vm.changedOutside.join(', ')}`}
        />
      )}
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
      <Card className="nk-summary__wide">
        <CardTitle component="h2">{t`Notes`}</CardTitle>
        <CardBody>
          {vm.notes === '' ? <p className="nk-subtle">{t`No notes.`}</p> : <pre className="nk-notes nk-isolate">{vm.notes}</pre>}
        </CardBody>
      </Card>
    </div>
  );
}
