import { useLingui } from '@lingui/react/macro';
import { EmptyState, EmptyStateBody, Label } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { Link } from '@tanstack/react-router';

import { useNetworks, useVms } from '../data/resources.ts';
import { useTitle } from '../parts/use-title.ts';

/** Networks with the VMs of both hypervisors on them and the addresses that were seen. */
export function NetworksScreen() {
  const { t } = useLingui();
  useTitle(t`Networks`);
  const networks = useNetworks();
  const vms = useVms();
  const states = { up: t`up`, down: t`down`, degraded: t`degraded` };
  return (
    <div className="nk-screen">
      <div className="nk-screen__head">
        <h1>{t`Networks`}</h1>
      </div>
      {networks.length === 0 ? (
        <EmptyState titleText={t`There is no network yet`} headingLevel="h2">
          <EmptyStateBody>
            {t`A network is a bridge on this host that guests of both hypervisors share. Make one on the command line:`}{' '}
            <code>./nakhoda network create lab --cidr 10.77.0.0/24</code>
          </EmptyStateBody>
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
                </Tr>
              );
            })}
          </Tbody>
        </Table>
      )}
    </div>
  );
}
