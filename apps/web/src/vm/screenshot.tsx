import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { Button, Spinner } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import { verdictOf } from '../data/actions.ts';
import { api } from '../data/session.ts';
import { Failure } from '../parts/failure.tsx';

/** A picture of a running VM's screen; another one on a click, since each costs the hypervisor some work. */
export function Screenshot({ vm }: { vm: Vm }) {
  const { t } = useLingui();
  const { allowed, reason } = verdictOf(vm, 'console');
  const picture = useQuery({
    queryKey: ['screenshot', vm.vmid],
    queryFn: ({ signal }) => api.picture('vm.screenshot', { params: { vm: String(vm.vmid) } }, signal),
    enabled: allowed,
    staleTime: 0,
    gcTime: 0,
    retry: false,
  });
  const [address, setAddress] = useState<string | null>(null);
  useEffect(() => {
    if (picture.data === undefined) return undefined;
    const made = URL.createObjectURL(picture.data);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [picture.data]);
  if (!allowed) return <p className="nk-subtle">{reason ?? t`A picture of the screen shows here while the VM runs.`}</p>;
  if (picture.error !== null) return <Failure thrown={picture.error} onRetry={() => void picture.refetch()} />;
  if (address === null) return <Spinner aria-label={t`Getting a picture of the screen`} />;
  return (
    <>
      <img className="nk-screenshot" src={address} alt={t`Screen of ${vm.name}`} />
      <Button variant="link" isDisabled={picture.isFetching} onClick={() => void picture.refetch()}>
        {t`New picture`}
      </Button>
    </>
  );
}
