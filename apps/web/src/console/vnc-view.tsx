import RFB from '@novnc/novnc';
import { useEffect, useRef, type RefObject } from 'react';

import type { ConsoleChannel } from './console-channel.ts';
import type { ConsoleHandle, Scaling, ScreenTraits } from './console-handle.ts';
import { keysOf } from './console-keys.ts';
import { isOneColour } from './is-one-colour.ts';

/** So often it is looked whether the screen shows anything, in milliseconds. */
const lookMs = 2000;

export interface VncViewProps {
  readonly channel: ConsoleChannel;
  /** What is read out for the screen. */
  readonly label: string;
  readonly scaling: Scaling;
  readonly takeFocus: boolean;
  readonly handle: RefObject<ConsoleHandle | null>;
  onTraits(traits: ScreenTraits): void;
  onGiveUp(reason: string): void;
}

/** A VM's screen: owns one noVNC object for one connection. */
export function VncView({ channel, label, scaling, takeFocus, handle, onTraits, onGiveUp }: VncViewProps) {
  const target = useRef<HTMLDivElement>(null);
  const rfb = useRef<RFB | null>(null);
  const told = useRef({ onTraits, onGiveUp, takeFocus });
  told.current = { onTraits, onGiveUp, takeFocus };

  useEffect(() => {
    if (target.current === null) return undefined;
    const made = new RFB(target.current, channel, { shared: true });
    rfb.current = made;
    const canvas = target.current.querySelector('canvas');
    let timer: ReturnType<typeof setInterval> | undefined;
    const held = new Set<string>();
    const send = (name: string, down: boolean) => {
      for (const { keysym, code } of keysOf(name)) made.sendKey(keysym, code, down);
      if (down) held.add(name);
      else held.delete(name);
    };
    const look = () => {
      if (canvas === null || document.hidden) return;
      // Whether the server takes a wish for another size is known to noVNC, but not told in its interface.
      const resizable = Reflect.get(made, '_supportsSetDesktopSize') === true;
      told.current.onTraits({ resizable, blank: isOneColour(canvas) });
    };
    made.addEventListener('connect', () => {
      handle.current = {
        focus: () => made.focus({ preventScroll: true }),
        press: (combination) => {
          const keys = combination.split('-');
          for (const key of keys) send(key, true);
          for (const key of keys.toReversed()) send(key, false);
        },
        hold: send,
      };
      if (told.current.takeFocus) made.focus({ preventScroll: true });
      timer = setInterval(look, lookMs);
    });
    // The daemon lets everybody in who has a ticket: whoever asks for more is not what the daemon thinks it is.
    for (const name of ['credentialsrequired', 'securityfailure', 'serververification'])
      made.addEventListener(name, () => told.current.onGiveUp(name));
    // Told by the channel when the other side ended it, so this is what the viewer could not read.
    made.addEventListener('disconnect', (event) => {
      if (!(event as CustomEvent<{ clean: boolean }>).detail.clean) told.current.onGiveUp('unreadable');
    });
    return () => {
      clearInterval(timer);
      for (const name of held) send(name, false);
      handle.current = null;
      rfb.current = null;
      made.disconnect();
    };
  }, [channel, handle]);

  useEffect(() => {
    const made = rfb.current;
    if (made === null) return;
    made.scaleViewport = scaling !== 'plain';
    made.resizeSession = scaling === 'guest';
    // What lies around the picture is the page's own.
    made.background = 'transparent';
  }, [channel, scaling]);

  useEffect(() => {
    const canvas = target.current?.querySelector('canvas');
    if (!canvas) return;
    canvas.tabIndex = 0;
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-label', label);
  }, [channel, label]);

  return <div className="nk-console__screen" ref={target} />;
}
