import { useLingui } from '@lingui/react/macro';
import type { GuestFileSystem, GuestInfo, Vm } from '@nakhoda/schema';
import { toNakhodaError } from '@nakhoda/schema/errors';
import {
  Alert,
  Button,
  Card,
  CardBody,
  CardHeader,
  CardTitle,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
  Progress,
  ProgressMeasureLocation,
  Spinner,
} from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';

import { bytes, time } from '../data/format.ts';
import { useHypervisors } from '../data/resources.ts';
import { Failure } from '../parts/failure.tsx';
import { guestQuery } from './guest-query.ts';

/** A file system that is fuller than this is worth a look. */
const nearlyFull = 0.9;

/** What the guest says of itself: asked beside the page, which does not wait for it. A guest that does not answer is said to be silent. */
export function GuestCard({ vm, className }: { vm: Vm; className?: string }) {
  const { t } = useLingui();
  const asked = useQuery(guestQuery(vm));
  const offered = useHypervisors().find(({ id }) => id === vm.hypervisor)?.capabilities.guest !== null;
  const runs = vm.state === 'running';
  return (
    <Card {...(className === undefined ? {} : { className })}>
      <CardHeader
        {...(runs && offered
          ? {
              actions: {
                actions: (
                  <Button variant="link" isInline isDisabled={asked.isFetching} onClick={() => void asked.refetch()}>
                    {t`Ask again`}
                  </Button>
                ),
              },
            }
          : {})}
      >
        <CardTitle component="h2">{t`Guest`}</CardTitle>
      </CardHeader>
      <CardBody>{contentOf()}</CardBody>
    </Card>
  );

  function contentOf(): ReactNode {
    if (!runs) return <p className="nk-subtle">{t`What the guest says of itself shows here while the VM runs.`}</p>;
    if (asked.isFetching && asked.data === undefined) return <Spinner size="md" aria-label={t`Asking the guest`} />;
    if (asked.error !== null) {
      return toNakhodaError(asked.error).code === 'guest.timeout' ? (
        <Alert variant="warning" isInline title={t`The guest's agent hangs: it took the question and did not answer in time.`}>
          <p className="nk-isolate">{asked.error.message}</p>
        </Alert>
      ) : (
        <Failure thrown={asked.error} />
      );
    }
    if (asked.data === undefined) return null;
    if (asked.data.via === null) {
      return (
        <p className="nk-subtle">
          {t`Nobody in the guest answers. It may still be booting; or install the guest agent in it (package qemu-guest-agent; on VirtualBox the Guest Additions).`}
        </p>
      );
    }
    return <Facts info={asked.data} />;
  }
}

function Facts({ info }: { info: GuestInfo }) {
  const { t } = useLingui();
  const ways = { agent: t`guest agent`, serial: t`shell on the serial console`, additions: t`Guest Additions` };
  const { osInfo } = info;
  const facts: readonly (readonly [string, ReactNode])[] = [
    [t`System`, osInfo?.prettyName ?? osInfo?.name ?? '–'],
    [t`Kernel`, [osInfo?.kernel, osInfo?.machine].filter((one) => typeof one === 'string').join(', ') || '–'],
    [t`Host name`, info.hostname ?? '–'],
    [
      t`Interfaces`,
      info.interfaces.length === 0
        ? '–'
        : info.interfaces.map((one) => <p key={one.name}>{`${one.name}: ${one.addresses.join(', ') || '–'}`}</p>),
    ],
    [t`File systems`, info.fileSystems.length === 0 ? '–' : info.fileSystems.map((one) => <Space key={one.mountpoint} fileSystem={one} />)],
    [t`Logged in`, info.users.join(', ') || '–'],
    [t`Answered`, `${ways[info.via ?? 'agent']}, ${time(info.observedAt)}`],
  ];
  return (
    <>
      {info.frozen === true && <Alert variant="warning" isInline title={t`Its file systems stand still (frozen).`} />}
      <DescriptionList isCompact isHorizontal>
        {facts.map(([term, description]) => (
          <DescriptionListGroup key={term}>
            <DescriptionListTerm>{term}</DescriptionListTerm>
            <DescriptionListDescription className="nk-isolate">{description}</DescriptionListDescription>
          </DescriptionListGroup>
        ))}
      </DescriptionList>
    </>
  );
}

function Space({ fileSystem: { mountpoint, type, totalBytes, usedBytes, freeBytes } }: { fileSystem: GuestFileSystem }) {
  const { t } = useLingui();
  const title = type === null ? mountpoint : `${mountpoint} (${type})`;
  if (totalBytes === null || usedBytes === null || totalBytes === 0) return <p>{title}</p>;
  const used = usedBytes / totalBytes;
  return (
    <Progress
      title={title}
      size="sm"
      value={Math.round(used * 100)}
      label={t`${bytes(freeBytes ?? totalBytes - usedBytes)} of ${bytes(totalBytes)} free`}
      valueText={t`${bytes(freeBytes ?? totalBytes - usedBytes)} of ${bytes(totalBytes)} free`}
      measureLocation={ProgressMeasureLocation.top}
      {...(used > nearlyFull ? { variant: 'warning' as const } : {})}
    />
  );
}
