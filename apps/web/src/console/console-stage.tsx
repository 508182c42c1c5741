import { useLingui } from '@lingui/react/macro';
import type { ConsoleKind, Vm } from '@nakhoda/schema';
import { Button, Spinner } from '@patternfly/react-core';
import type { RefObject } from 'react';

import { verdictOf } from '../data/actions.ts';
import { StateMark } from '../parts/vm-mark.tsx';
import { failureOfUnknown } from './console-failure.ts';
import type { ConsoleHandle, Scaling, ScreenTraits } from './console-handle.ts';
import { ConsoleTrouble } from './console-trouble.tsx';
import { PictureView } from './picture-view.tsx';
import { SerialView } from './serial-view.tsx';
import type { useConsoleKeys } from './use-console-keys.ts';
import type { UsedConsole } from './use-console.ts';
import { VncView } from './vnc-view.tsx';

interface ConsoleStageProps {
  readonly vm: Vm;
  readonly kind: ConsoleKind;
  readonly pictures: boolean;
  readonly used: UsedConsole;
  readonly handle: RefObject<ConsoleHandle | null>;
  readonly keys: ReturnType<typeof useConsoleKeys>;
  readonly scaling: Scaling;
  readonly spoken: boolean;
  readonly takeFocus: boolean;
  onTraits(traits: ScreenTraits): void;
  onStart(): void;
}

/** The view itself, or why there is none. */
export function ConsoleStage({ vm, kind, pictures, used, handle, keys, scaling, spoken, takeFocus, onTraits, onStart }: ConsoleStageProps) {
  const { t } = useLingui();
  const { state, reconnect, giveUp } = used;
  const label = t`Screen of ${vm.name}. Keys go to the guest; Ctrl+Alt frees the keyboard.`;
  if (vm.state === 'unknown') {
    return <ConsoleTrouble vm={vm} failure={failureOfUnknown(vm.stateReason ?? '')} onRetry={reconnect} onStart={onStart} />;
  }
  if (!verdictOf(vm, 'console').allowed) return <ConsoleOff vm={vm} onStart={onStart} />;
  if (pictures) return <PictureView vm={vm} label={label} held={keys.held} handle={handle} press={keys.ask} />;
  switch (state.phase) {
    case 'failed':
      return <ConsoleTrouble vm={vm} failure={state.failure} onRetry={reconnect} onStart={onStart} />;
    case 'open':
      return kind === 'vnc' ? (
        <VncView
          channel={state.channel}
          label={label}
          scaling={scaling}
          takeFocus={takeFocus}
          handle={handle}
          onTraits={onTraits}
          onGiveUp={giveUp}
        />
      ) : (
        <SerialView channel={state.channel} takeFocus={takeFocus} spoken={spoken} handle={handle} />
      );
    case 'off':
    case 'opening':
      return (
        <div className="nk-console__trouble">
          <Spinner aria-label={t`Opening the console`} />
          <p>{kind === 'vnc' ? t`Opening the screen …` : t`Opening the serial console …`}</p>
        </div>
      );
  }
}

function ConsoleOff({ vm, onStart }: { vm: Vm; onStart(): void }) {
  const { t } = useLingui();
  const { allowed, reason } = verdictOf(vm, 'start');
  return (
    <div className="nk-console__trouble">
      <p>
        <StateMark state={vm.state} withName />
      </p>
      <h2>{t`There is a console while the VM runs.`}</h2>
      <p>{t`It opens by itself when the VM starts.`}</p>
      <p className="nk-console__choices">
        <Button isAriaDisabled={!allowed} {...(allowed ? {} : { title: reason })} onClick={() => allowed && onStart()}>
          {t`Start the VM`}
        </Button>
      </p>
      {!allowed && reason !== undefined && <p className="nk-subtle nk-isolate">{reason}</p>}
    </div>
  );
}
