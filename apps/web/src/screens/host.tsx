import { useLingui } from '@lingui/react/macro';
import type { HostFact } from '@nakhoda/schema';
import { Button, Label, Spinner } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';

import { time } from '../data/format.ts';
import { hostCheckQuery, systemQuery } from '../data/resources.ts';
import { Failure } from '../parts/failure.tsx';
import { useTitle } from '../parts/use-title.ts';

const colours = { good: 'green', limited: 'orange', missing: 'red', information: 'grey' } as const;

/** What this host can do, with the reason for each limit and the remedy for what is missing. */
export function HostScreen() {
  const { t } = useLingui();
  useTitle(t`Host`);
  const check = useQuery(hostCheckQuery);
  const system = useQuery(systemQuery).data;
  const words: Record<HostFact['status'], string> = {
    good: t`good`,
    limited: t`limited`,
    missing: t`missing`,
    information: t`for information`,
  };
  return (
    <div className="nk-screen">
      <div className="nk-screen__head">
        <h1>{t`Host`}</h1>
        <span className="nk-subtle nk-isolate">{check.data?.hostname}</span>
        {system !== undefined && <span className="nk-subtle">{t`Nakhoda ${system.version}, running since ${time(system.startedAt)}`}</span>}
        <div className="nk-screen__actions">
          <Button variant="secondary" isLoading={check.isFetching} isDisabled={check.isFetching} onClick={() => void check.refetch()}>
            {t`Look again`}
          </Button>
        </div>
      </div>
      {check.error !== null && <Failure thrown={check.error} onRetry={() => void check.refetch()} />}
      {check.data === undefined && check.error === null && <Spinner aria-label={t`Looking at the host`} />}
      {check.data !== undefined && (
        <Table variant="compact" aria-label={t`What this host can do`}>
          <Thead>
            <Tr>
              <Th>{t`What`}</Th>
              <Th>{t`State`}</Th>
              <Th>{t`Found`}</Th>
              <Th>{t`Why, and what to do`}</Th>
            </Tr>
          </Thead>
          <Tbody>
            {check.data.facts.map((fact) => (
              <Tr key={fact.id}>
                <Td dataLabel={t`What`}>{fact.title}</Td>
                <Td dataLabel={t`State`}>
                  <Label color={colours[fact.status]}>{words[fact.status]}</Label>
                </Td>
                <Td dataLabel={t`Found`} className="nk-isolate">
                  {fact.value}
                </Td>
                <Td dataLabel={t`Why, and what to do`} className="nk-isolate">
                  {fact.reason}
                  {fact.remedy !== undefined && (
                    <p>
                      <strong>{t`Remedy:`}</strong> {fact.remedy}
                    </p>
                  )}
                </Td>
              </Tr>
            ))}
          </Tbody>
        </Table>
      )}
    </div>
  );
}
