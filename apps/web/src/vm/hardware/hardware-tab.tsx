import { useLingui } from '@lingui/react/macro';
import type { Capabilities, Vm } from '@nakhoda/schema';
import { Button, Label, Spinner } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';

import { changeAtOnce } from '../../data/change-vm.ts';
import { useHypervisors } from '../../data/resources.ts';
import { useAsked } from '../use-asked.ts';
import { hardwareFields } from './edit-fields.ts';
import { HardwareDialogs } from './hardware-dialogs.tsx';
import { hardwareRows, type HardwareRow } from './hardware-rows.ts';
import './hardware-tab.css';
import { OutsideAlert } from './outside-alert.tsx';
import { PendingAlert } from './pending-alert.tsx';
import { RowButton } from './row-button.tsx';
import { runningHardware } from './running-hardware.ts';
import { useChangeVerdict } from './use-change-verdict.ts';
import { useRowWords } from './use-row-words.ts';

/** All of a VM's hardware as in Proxmox VE: what it runs with beside what is wanted, and the ways to change it. */
export function HardwareTab({ vm }: { vm: Vm }) {
  const { t } = useLingui();
  const { asked, ask } = useAsked();
  const verdict = useChangeVerdict(vm);
  const capabilities = useHypervisors().find(({ id }) => id === vm.hypervisor)?.capabilities;
  if (capabilities === undefined) return <Spinner aria-label={t`Loading`} />;
  const runs = vm.state !== 'stopped' && vm.state !== 'crashed';
  const off = verdict.allowed ? undefined : (verdict.reason ?? '');
  return (
    <div className="nk-hardware">
      <OutsideAlert vm={vm} />
      <PendingAlert vm={vm} onRevert={() => ask('revert')} />
      <div className="nk-hardware__orders">
        <Button variant="secondary" isAriaDisabled={off !== undefined} onClick={() => off === undefined && ask('add-disk')}>
          {t`Add a disk`}
        </Button>
        <Button variant="secondary" isAriaDisabled={off !== undefined} onClick={() => off === undefined && ask('add-nic')}>
          {t`Add a NIC`}
        </Button>
        {off !== undefined && <span className="nk-subtle nk-isolate">{off}</span>}
      </div>
      <Table variant="compact" aria-label={t`Hardware of ${vm.name}`}>
        <Thead>
          <Tr>
            <Th width={20}>{t`Hardware`}</Th>
            {runs && <Th>{t`Runs with`}</Th>}
            <Th>{runs ? t`Wanted` : t`Value`}</Th>
            <Th screenReaderText={t`Orders`} />
          </Tr>
        </Thead>
        <Tbody>
          {hardwareRows(vm).map((row) => (
            <HardwareLine key={row.key} row={row} vm={vm} runs={runs} off={off} capabilities={capabilities} ask={ask} />
          ))}
        </Tbody>
      </Table>
      {asked !== undefined && <HardwareDialogs vm={vm} capabilities={capabilities} asked={asked} onClose={() => ask(undefined)} />}
    </div>
  );
}

interface HardwareLineProps {
  readonly row: HardwareRow;
  readonly vm: Vm;
  readonly runs: boolean;
  readonly off: string | undefined;
  readonly capabilities: Capabilities;
  ask(edit: string): void;
}

function HardwareLine({ row, vm, runs, off, capabilities, ask }: HardwareLineProps) {
  const { t } = useLingui();
  const words = useRowWords();
  const { group, slot, change } = row;
  const title = words.title(row);
  const marks = { arrives: t`pending: comes`, leaves: t`pending: goes`, changes: t`pending`, none: '' };
  const fields = group === 'cloudInit' ? [] : hardwareFields(group, vm, capabilities);
  // Where nothing can be other than it is, the reason says more than a dialog in which all is off.
  const fixed = fields.length > 0 && fields.every((field) => field.off !== undefined) ? (fields[0]?.off ?? '') : undefined;
  const editOff = off ?? (fixed === '' ? t`The hypervisor does not offer another choice here.` : fixed);
  const reasons = [...new Set(row.pending.flatMap(({ reason }) => (reason === undefined ? [] : [reason])))];
  return (
    <Tr className={change === 'none' ? '' : 'nk-hardware__pending'}>
      <Td dataLabel={t`Hardware`}>{title}</Td>
      {runs && (
        <Td dataLabel={t`Runs with`} className="nk-isolate">
          {words.text(row, runningHardware(vm)) ?? t`none`}
        </Td>
      )}
      <Td dataLabel={runs ? t`Wanted` : t`Value`} className="nk-isolate">
        {runs && change === 'none' ? (
          <span className="nk-subtle">{t`the same`}</span>
        ) : (
          <div>
            {words.text(row, vm) ?? t`none`}{' '}
            {change !== 'none' && (
              <Label color="orange" isCompact>
                {marks[change]}
              </Label>
            )}
            {reasons.map((reason) => (
              <p key={reason} className="nk-subtle">
                {reason}
              </p>
            ))}
          </div>
        )}
        {fixed !== undefined && fixed !== '' && <p className="nk-subtle">{fixed}</p>}
      </Td>
      <Td isActionCell={false} className="nk-hardware__actions">
        {group === 'cloudInit' ? (
          <span className="nk-subtle">{t`in Options`}</span>
        ) : (
          change !== 'leaves' && <RowButton label={t`Edit`} of={title} off={editOff} onClick={() => ask(row.key)} />
        )}
        {group === 'cdrom' && (
          <RowButton
            label={t`Eject`}
            of={title}
            off={off ?? (vm.cdrom === null ? t`The drive is empty.` : undefined)}
            onClick={() => {
              const ejected = vm.cdrom;
              void changeAtOnce(vm, {
                title: t`Ejected ${ejected ?? ''} from ${vm.name}`,
                change: { endpoint: 'vm.set', body: { cdrom: 'none' } },
                back: { endpoint: 'vm.set', body: { cdrom: ejected } },
                stands: (now) => now.cdrom === null,
              });
            }}
          />
        )}
        {group === 'disk' && change !== 'leaves' && <RowButton label={t`Grow`} of={title} off={off} onClick={() => ask(`${slot}.grow`)} />}
        {(group === 'disk' || group === 'nic') && change !== 'leaves' && (
          <RowButton
            danger
            label={t`Remove`}
            of={title}
            off={off ?? (group === 'disk' && vm.protection ? t`The VM is protected.` : undefined)}
            onClick={() => ask(`${slot}.remove`)}
          />
        )}
      </Td>
    </Tr>
  );
}
