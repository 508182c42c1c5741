import { useLingui } from '@lingui/react/macro';
import type { ConsoleKind, Vm } from '@nakhoda/schema';
import { useCallback, useEffect, useRef, useState } from 'react';

import { orderPower, verdictOf } from '../data/actions.ts';
import { keptSetting } from '../data/kept-setting.ts';
import { useObservable } from '../data/observable.ts';
import { useHypervisors } from '../data/resources.ts';
import { api } from '../data/session.ts';
import { CdDriveDialog } from './cd-drive-dialog.tsx';
import { ConsoleBar } from './console-bar.tsx';
import { scalings, type ConsoleHandle, type ScreenTraits } from './console-handle.ts';
import { ConsoleNotice } from './console-notice.tsx';
import { ConsoleStage } from './console-stage.tsx';
import { chordAtRest, followChord } from './release-chord.ts';
import { saveBlob } from './save-blob.ts';
import { TypeTextDialog } from './type-text-dialog.tsx';
import { useConsole } from './use-console.ts';
import { useConsoleKeys } from './use-console-keys.ts';
import { useFullScreen } from './use-full-screen.ts';
import './console.css';

const keptScaling = keptSetting('console-scaling', scalings, 'fit');
const keptSpoken = keptSetting('console-spoken', ['no', 'yes'], 'no');
/** The bar stays so long when full screen begins, in milliseconds: long enough to be seen. */
const barStaysMs = 3000;

interface ConsoleProps {
  readonly vm: Vm;
  readonly kind: ConsoleKind;
  readonly ownWindow?: boolean;
  onKind(kind: ConsoleKind): void;
}

/** A VM's screen or serial port, with everything that is done to it in a bar. */
export function Console({ vm, kind, ownWindow = false, onKind }: ConsoleProps) {
  const { t } = useLingui();
  const root = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  const handle = useRef<ConsoleHandle | null>(null);
  const chord = useRef(chordAtRest);
  const scaling = useObservable(keptScaling);
  const spoken = useObservable(keptSpoken) === 'yes';
  const [dialog, setDialog] = useState<'type' | 'drive' | null>(null);
  const [trouble, setTrouble] = useState<unknown>(null);
  const [traits, setTraits] = useState<ScreenTraits>({ resizable: false, blank: false });
  const [barShown, setBarShown] = useState(false);

  const capabilities = useHypervisors().find(({ id }) => id === vm.hypervisor)?.capabilities;
  const opens = verdictOf(vm, 'console');
  const vnc = capabilities?.display.vnc ?? { allowed: true };
  const pictures = kind === 'vnc' && !vnc.allowed;
  const used = useConsole(vm.vmid, kind, opens.allowed && capabilities !== undefined && !pictures);
  const { state, reconnect } = used;
  const open = state.phase === 'open' || (pictures && opens.allowed);
  const keys = useConsoleKeys(vm, handle, state, setTrouble);
  const { full, toggle: toggleFull } = useFullScreen(root);

  useEffect(() => {
    setBarShown(full);
    if (!full) return undefined;
    const timer = setTimeout(() => setBarShown(false), barStaysMs);
    return () => clearTimeout(timer);
  }, [full]);
  useEffect(() => {
    // Keys whose release goes to another window are down no more.
    const forget = () => {
      chord.current = chordAtRest;
    };
    window.addEventListener('blur', forget);
    return () => window.removeEventListener('blur', forget);
  }, []);

  const follow = (event: { type: string; code: string }) => {
    const next = followChord(chord.current, event);
    chord.current = next.state;
    // After the view itself has heard of the key, so that the guest does, too.
    if (next.released) setTimeout(() => bar.current?.querySelector<HTMLElement>('button:not([disabled])')?.focus());
  };
  // It is looked at every two seconds, and seldom changes.
  const tellTraits = useCallback(
    (next: ScreenTraits) => setTraits((before) => (before.resizable === next.resizable && before.blank === next.blank ? before : next)),
    [],
  );
  const close = useCallback(() => {
    setDialog(null);
    handle.current?.focus();
  }, []);
  const inRoot = useCallback(() => root.current ?? document.body, []);
  const inBar = useCallback(() => bar.current ?? document.body, []);

  const savePicture = () =>
    void api.picture('vm.screenshot', { params: { vm: String(vm.vmid) } }).then((blob) => saveBlob(blob, `${vm.name}.png`), setTrouble);
  const paste = () =>
    void navigator.clipboard.readText().then(
      (text) => {
        handle.current?.paste?.(text);
        handle.current?.focus();
      },
      () => setTrouble(new Error(t`The browser does not let the page read the clipboard. Paste into the terminal with Ctrl+Shift+V.`)),
    );
  const start = () => void orderPower(vm, 'start').catch(setTrouble);

  const noConsole = opens.allowed ? null : (opens.reason ?? t`The VM does not run.`);
  const reasonOf = (verdict: { allowed: boolean; reason?: string | undefined } | undefined) =>
    noConsole ?? (verdict === undefined || verdict.allowed ? null : (verdict.reason ?? t`This hypervisor cannot do that.`));
  const notVnc =
    kind === 'serial' ? t`The serial console has no such thing.` : pictures ? t`Pictures are shown here, not the screen itself.` : null;
  return (
    <div ref={root} className={`nk-console${full ? ' nk-console--full' : ''}${barShown ? ' nk-console--bar' : ''}`}>
      {full && (
        <button type="button" className="nk-console__edge" onPointerEnter={() => setBarShown(true)} onClick={() => setBarShown(!barShown)}>
          {t`Bar: Ctrl+Alt`}
        </button>
      )}
      <div className="nk-console__bar" ref={bar}>
        <ConsoleBar
          kind={kind}
          noScreen={null}
          noSerial={capabilities?.serial === false ? t`This hypervisor cannot do that.` : null}
          noKeys={reasonOf(capabilities?.display.keyboard)}
          noHold={kind === 'serial' ? notVnc : noConsole}
          noPicture={reasonOf(capabilities?.display.screenshot)}
          noScaling={notVnc}
          noResize={traits.resizable ? null : t`The screen's server takes no wish for a size.`}
          held={keys.held}
          scaling={scaling}
          spoken={spoken}
          full={full}
          ownWindow={ownWindow}
          place={inBar}
          onKind={onKind}
          onPress={keys.press}
          onHold={keys.toggle}
          onType={() => setDialog('type')}
          onPaste={paste}
          onScaling={keptScaling.set}
          onSpoken={() => keptSpoken.set(spoken ? 'no' : 'yes')}
          onDrive={() => setDialog('drive')}
          onPicture={savePicture}
          onReconnect={reconnect}
          onFull={() => {
            toggleFull();
            // The bar stays while the focus is in it.
            handle.current?.focus();
          }}
          onOwnWindow={() =>
            window.open(`/vms/${vm.vmid}/console?console=${kind}`, `nakhoda-console-${vm.vmid}`, 'popup,width=1024,height=820')
          }
        />
        <p className="nk-console__chord">{t`Ctrl+Alt frees the keyboard`}</p>
      </div>
      <ConsoleNotice
        trouble={trouble}
        onClose={() => setTrouble(null)}
        pictures={pictures ? (vnc.reason ?? '') : null}
        blank={open && kind === 'vnc' && !pictures && traits.blank}
      />
      <div
        className="nk-console__stage"
        onPointerEnter={() => setBarShown(false)}
        onKeyDownCapture={(event) => follow({ type: 'keydown', code: event.code })}
        onKeyUpCapture={(event) => follow({ type: 'keyup', code: event.code })}
      >
        <ConsoleStage
          vm={vm}
          kind={kind}
          pictures={pictures}
          used={used}
          handle={handle}
          keys={keys}
          scaling={scaling}
          spoken={spoken}
          takeFocus={ownWindow || full}
          onTraits={tellTraits}
          onStart={start}
        />
      </div>
      {dialog === 'type' && <TypeTextDialog vm={vm} place={inRoot} onClose={close} />}
      {dialog === 'drive' && (
        <CdDriveDialog vm={vm} atOnce={capabilities?.hotplug.includes('cdrom') === true} place={inRoot} onClose={close} />
      )}
    </div>
  );
}
