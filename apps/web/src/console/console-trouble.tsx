import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { Button } from '@patternfly/react-core';

import { verdictOf } from '../data/actions.ts';
import { hops, type ConsoleFailure, type Hop } from './console-failure.ts';

/** Why a console is not open: the way from here to the guest with its broken place, what is known of it, and what can be done. */
export function ConsoleTrouble({ vm, failure, onRetry, onStart }: { vm: Vm; failure: ConsoleFailure; onRetry(): void; onStart(): void }) {
  const { t } = useLingui();
  const names: Record<Hop, string> = { browser: t`Browser`, daemon: t`Daemon`, hypervisor: t`Hypervisor`, guest: t`Guest` };
  const titles: Record<ConsoleFailure['kind'], string> = {
    offline: t`This browser has no network.`,
    unreachable: t`The daemon does not answer.`,
    cut: t`The connection to the daemon broke.`,
    blocked: t`The daemon answers, but lets no WebSocket through, or something between here and there does not.`,
    refused: t`The daemon refuses to open this console.`,
    failed: failure.hop === 'guest' ? t`The VM has no console now.` : t`The hypervisor does not open this console.`,
    viewer: failure.hop === 'browser' ? t`The daemon did not understand this browser.` : t`What the hypervisor sends cannot be read.`,
    ended: t`The VM's end of the console has gone: it stops, or starts anew.`,
  };
  const hints: Record<ConsoleFailure['kind'], string> = {
    offline: t`Look at the network of the computer that you sit at.`,
    unreachable: t`See on the host whether it runs: ./nakhoda status.`,
    cut: t`It may have been restarted; the VM runs on.`,
    blocked: t`A proxy before the daemon has to pass WebSockets on.`,
    refused: '',
    failed: '',
    viewer: t`Try again; if it happens again, the daemon's log has the details.`,
    ended: t`As soon as it is there again the console opens by itself.`,
  };
  const broken = hops.indexOf(failure.hop);
  const start = verdictOf(vm, 'start');
  return (
    <div className="nk-console__trouble" role="alert">
      <ol className="nk-hops" aria-label={t`The way to the guest`}>
        {hops.map((hop, index) => {
          const state = index < broken ? 'good' : index === broken ? 'broken' : 'unknown';
          return (
            <li key={hop} className={`nk-hop nk-hop--${state}`}>
              <span aria-hidden="true">{{ good: '✓', broken: '✗', unknown: '?' }[state]}</span> {names[hop]}
              <small>{{ good: t`works`, broken: t`here it is broken`, unknown: t`not known` }[state]}</small>
            </li>
          );
        })}
      </ol>
      <h2>{titles[failure.kind]}</h2>
      {failure.error !== null && (
        <p className="nk-isolate">
          {failure.error.message} {failure.error.hint}
        </p>
      )}
      {failure.error === null && failure.reason !== '' && <p className="nk-isolate nk-subtle">{failure.reason}</p>}
      {hints[failure.kind] !== '' && <p>{hints[failure.kind]}</p>}
      {failure.error !== null && <code>{failure.error.code}</code>}
      <p className="nk-console__choices">
        <Button variant="primary" onClick={onRetry}>{t`Try again`}</Button>
        {start.allowed && <Button variant="secondary" onClick={onStart}>{t`Start the VM`}</Button>}
      </p>
      {failure.again && <p className="nk-subtle">{t`The page tries again by itself.`}</p>}
    </div>
  );
}
