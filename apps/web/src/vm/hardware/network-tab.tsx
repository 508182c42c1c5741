import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { Button, EmptyState, EmptyStateBody, EmptyStateFooter, Label, Spinner } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';

import { useHypervisors, useNetworks } from '../../data/resources.ts';
import { guestQuery } from '../guest-query.ts';
import { useAsked } from '../use-asked.ts';
import { HardwareDialogs } from './hardware-dialogs.tsx';
import { hardwareRows } from './hardware-rows.ts';
import './hardware-tab.css';
import { LinkSwitch } from './link-switch.tsx';
import { nicAddresses } from './nic-addresses.ts';
import { PendingAlert } from './pending-alert.tsx';
import { RowButton } from './row-button.tsx';
import { useChangeVerdict } from './use-change-verdict.ts';
import { useFieldWords } from './use-field-words.ts';

/** The VM's NICs: network, cable and addresses of each. */
export function NetworkTab({ vm }: { vm: Vm }) {
  const { t } = useLingui();
  const { asked, ask } = useAsked();
  const words = useFieldWords();
  const verdict = useChangeVerdict(vm);
  const networks = useNetworks();
  const guest = useQuery(guestQuery(vm)).data;
  const capabilities = useHypervisors().find(({ id }) => id === vm.hypervisor)?.capabilities;
  if (capabilities === undefined) return <Spinner aria-label={t`Loading`} />;
  const off = verdict.allowed ? undefined : (verdict.reason ?? '');
  const { fields, reasons } = capabilities.hardware;
  const linkOff = fields.includes('linkUp') ? off : (reasons['linkUp'] ?? t`The hypervisor does not offer another choice here.`);
  const add = (
    <Button variant="secondary" isAriaDisabled={off !== undefined} onClick={() => off === undefined && ask('add-nic')}>
      {t`Add a NIC`}
    </Button>
  );
  const pendingOf = (slot: string) => hardwareRows(vm).find(({ key }) => key === slot)?.pending ?? [];
  return (
    <div className="nk-hardware">
      <PendingAlert vm={vm} onRevert={() => ask('revert')} />
      {vm.nics.length === 0 ? (
        <EmptyState titleText={t`It has no NIC`} headingLevel="h2">
          <EmptyStateBody>{t`Without one it reaches no network, and nothing reaches it but its console.`}</EmptyStateBody>
          <EmptyStateFooter>{add}</EmptyStateFooter>
        </EmptyState>
      ) : (
        <>
          <div className="nk-hardware__orders">
            {add}
            {off !== undefined && <span className="nk-subtle nk-isolate">{off}</span>}
          </div>
          <Table variant="compact" aria-label={t`NICs of ${vm.name}`}>
            <Thead>
              <Tr>
                <Th>{t`NIC`}</Th>
                <Th>{t`Network`}</Th>
                <Th>{t`Cable`}</Th>
                <Th>{t`Addresses`}</Th>
                <Th>{t`Model`}</Th>
                <Th>{t`MAC address`}</Th>
                <Th screenReaderText={t`Orders`} />
              </Tr>
            </Thead>
            <Tbody>
              {vm.nics.map((nic) => {
                const pending = pendingOf(nic.slot);
                return (
                  <Tr key={nic.slot} className={pending.length === 0 ? '' : 'nk-hardware__pending'}>
                    <Td dataLabel={t`NIC`}>
                      {nic.slot}{' '}
                      {pending.length > 0 && (
                        <Label color="orange" isCompact>
                          {t`pending`}
                        </Label>
                      )}
                      {pending.map(({ field, running, reason }) => (
                        <p key={field} className="nk-subtle nk-isolate">
                          {t`${words.name(field)}: runs with ${words.value(field, running)}`} {reason ?? ''}
                        </p>
                      ))}
                    </Td>
                    <Td dataLabel={t`Network`}>{nic.network}</Td>
                    <Td dataLabel={t`Cable`}>
                      <LinkSwitch vm={vm} nic={nic} off={linkOff} />
                    </Td>
                    <Td dataLabel={t`Addresses`} className="nk-live nk-isolate">
                      {nicAddresses(nic.mac, networks, guest).join(', ') || '–'}
                    </Td>
                    <Td dataLabel={t`Model`}>{nic.model}</Td>
                    <Td dataLabel={t`MAC address`}>
                      <code>{nic.mac}</code>
                    </Td>
                    <Td className="nk-hardware__actions">
                      <RowButton label={t`Move or change`} of={nic.slot} off={off} onClick={() => ask(nic.slot)} />
                      <RowButton danger label={t`Remove`} of={nic.slot} off={off} onClick={() => ask(`${nic.slot}.remove`)} />
                    </Td>
                  </Tr>
                );
              })}
            </Tbody>
          </Table>
        </>
      )}
      {asked !== undefined && <HardwareDialogs vm={vm} capabilities={capabilities} asked={asked} onClose={() => ask(undefined)} />}
    </div>
  );
}
