import { useLingui } from '@lingui/react/macro';
import { useEffect, useState } from 'react';

import { connection } from '../data/event-feed.ts';
import { duration } from '../data/format.ts';
import { useObservable } from '../data/observable.ts';
import './connection-mark.css';

/** Figures older than this look old. */
const staleAfterMs = 5000;

/** How true what is shown is: live, or since when not. */
export function ConnectionMark() {
  const { t } = useLingui();
  const { kind, trueAt } = useObservable(connection);
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (kind === 'live') return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [kind]);
  const age = duration(Math.max(0, (now - trueAt) / 1000));
  const text = { live: t`live`, reconnecting: t`reconnecting, data ${age} old`, polling: t`polling, data ${age} old` }[kind];
  const stale = kind !== 'live' && now - trueAt > staleAfterMs;
  useEffect(() => {
    document.documentElement.classList.toggle('nk-stale', stale);
  }, [stale]);
  return (
    <span className={`nk-connection nk-connection--${kind}`} role="status">
      <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
        {kind === 'live' ? <circle cx="5" cy="5" r="4.500" /> : <path d="M5 .5 9.500 9h-9z" />}
      </svg>
      {text}
    </span>
  );
}
