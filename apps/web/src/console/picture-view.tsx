import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { Spinner } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState, type KeyboardEvent, type RefObject } from 'react';

import { api } from '../data/session.ts';
import { Failure } from '../parts/failure.tsx';
import type { ConsoleHandle } from './console-handle.ts';
import { combinationOf } from './console-keys.ts';

const pictureEveryMs = 2000;

export interface PictureViewProps {
  readonly vm: Vm;
  readonly label: string;
  readonly held: ReadonlySet<string>;
  readonly handle: RefObject<ConsoleHandle | null>;
  /** Presses a combination by way of the API. */
  press(combination: string): void;
}

/** A screen without VNC: a new picture every two seconds while it is looked at, and whole combinations of keys. */
export function PictureView({ vm, label, held, handle, press }: PictureViewProps) {
  const { t } = useLingui();
  const frame = useRef<HTMLDivElement>(null);
  const [address, setAddress] = useState<string | null>(null);
  const picture = useQuery({
    queryKey: ['console-picture', vm.vmid],
    queryFn: ({ signal }) => api.picture('vm.screenshot', { params: { vm: String(vm.vmid) } }, signal),
    refetchInterval: pictureEveryMs,
    // Nobody looks at a page that lies behind others.
    refetchIntervalInBackground: false,
    staleTime: 0,
    gcTime: 0,
    retry: false,
  });
  useEffect(() => {
    if (picture.data === undefined) return undefined;
    const made = URL.createObjectURL(picture.data);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [picture.data]);
  useEffect(() => {
    handle.current = { focus: () => frame.current?.focus({ preventScroll: true }) };
    return () => {
      handle.current = null;
    };
  }, [handle]);

  const onKey = (event: KeyboardEvent) => {
    const combination = combinationOf(event.nativeEvent, held);
    if (combination === null) return;
    event.preventDefault();
    event.stopPropagation();
    press(combination);
  };
  return (
    <div ref={frame} className="nk-console__picture" role="application" aria-label={label} tabIndex={0} onKeyDown={onKey}>
      {address === null && picture.error === null && <Spinner aria-label={t`Getting a picture of the screen`} />}
      {picture.error !== null && <Failure thrown={picture.error} onRetry={() => void picture.refetch()} />}
      {address !== null && picture.error === null && <img src={address} alt={t`Screen of ${vm.name}`} />}
    </div>
  );
}
