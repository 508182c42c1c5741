import { useLingui } from '@lingui/react/macro';
import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, Label } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { CreateNetworkDialog } from '../create/create-network-dialog.tsx';
import { DeleteNetworkButton } from '../create/delete-network-button.tsx';
import { useNetworks, useVms } from '../data/resources.ts';
import { useTitle } from '../parts/use-title.ts';

/** Networks with the VMs of both hypervisors on them and the addresses that were seen. */
export function NetworksScreen() {
  const { t } = useLingui();
  useTitle(t`Networks`);
  const networks = useNetworks();
  const vms = useVms();
  const [asked, setAsked] = useState(false);
  const create = <Button onClick={() => setAsked(true)}>{t`Create a network`}</Button>;
  const states = { up: t`up`, down: t`down`, degraded: t`degraded` };
  return (
    <div className="nk-screen">
      <div className="nk-screen__head">
        <h1>{t`Networks`}</h1>
        {networks.length > 0 && <div className="nk-screen__actions">{create}</div>}
      </div>
      {asked && <CreateNetworkDialog onClose={() => setAsked(false)} />}
      {networks.length === 0 ? (
        <EmptyState titleText={t`There is no network yet`} headingLevel="h2">
          <EmptyStateBody>{t`A network is a bridge on this host that guests of both hypervisors share.`}</EmptyStateBody>
          <EmptyStateFooter>
            <EmptyStateActions>{create}</EmptyStateActions>
          </EmptyStateFooter>
        </EmptyState>
      ) : (
        <Table variant="compact" aria-label={t`Networks`}>
          <Thead>
            <Tr>
              <Th>{t`Name`}</Th>
              <Th>{t`State`}</Th>
              <Th>{t`Range`}</Th>
              <Th>{t`Bridge`}</Th>
              <Th>{t`VMs`}</Th>
              <Th>{t`Addresses seen`}</Th>
              <Th screenReaderText={t`Orders`} />
            </Tr>
          </Thead>
          <Tbody>
            {networks.map((network) => {
              const on = vms.filter(({ nics }) => nics.some((nic) => nic.network === network.name));
              return (
                <Tr key={network.name}>
                  <Td dataLabel={t`Name`}>{network.name}</Td>
                  <Td dataLabel={t`State`}>
                    <Label color={network.state === 'up' ? 'green' : 'red'}>{states[network.state]}</Label> {network.stateReason ?? ''}
                  </Td>
                  <Td dataLabel={t`Range`}>{network.cidr}</Td>
                  <Td dataLabel={t`Bridge`}>{network.bridge}</Td>
                  <Td dataLabel={t`VMs`}>
                    <Link to="/vms" search={{ q: `net:${network.name}` }}>
                      {on.length}
                    </Link>
                  </Td>
                  <Td dataLabel={t`Addresses seen`}>{network.addresses.map(({ address }) => address).join(', ') || '–'}</Td>
                  <Td isActionCell>
                    <DeleteNetworkButton network={network} vms={on} />
                  </Td>
                </Tr>
              );
            })}
          </Tbody>
        </Table>
      )}
    </div>
  );
}
