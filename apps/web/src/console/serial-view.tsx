import '@xterm/xterm/css/xterm.css';

import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import { useEffect, useRef, type RefObject } from 'react';

import type { ConsoleChannel } from './console-channel.ts';
import type { ConsoleHandle } from './console-handle.ts';
import { defineStyleSheetElement } from './style-sheet-element.ts';

const scrollback = 5000;

export interface SerialViewProps {
  readonly channel: ConsoleChannel;
  readonly takeFocus: boolean;
  /** Lines are written for a screen reader, too. */
  readonly spoken: boolean;
  readonly handle: RefObject<ConsoleHandle | null>;
}

/** A VM's serial port: owns one terminal for one connection. */
export function SerialView({ channel, takeFocus, spoken, handle }: SerialViewProps) {
  const target = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal | null>(null);
  const focusFirst = useRef(takeFocus);

  useEffect(() => {
    if (target.current === null) return undefined;
    defineStyleSheetElement();
    const made = new Terminal({
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--pf-t--global--font--family--mono') || 'monospace',
      fontSize: 14,
      scrollback,
      cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
      // Dark in both themes, as a terminal is; these contrast with it.
      theme: { background: '#101418', foreground: '#e6e9ec' },
      minimumContrastRatio: 4.5,
    });
    const fit = new FitAddon();
    made.loadAddon(fit);
    made.open(target.current);
    fit.fit();
    const resized = new ResizeObserver(() => fit.fit());
    resized.observe(target.current);
    const encoder = new TextEncoder();
    made.onData((text) => channel.send(encoder.encode(text)));
    // What is no text: reports of the mouse, one character a byte.
    made.onBinary((text) => channel.send(Uint8Array.from(text, (character) => character.charCodeAt(0))));
    // Ctrl+C alone is the guest's.
    made.attachCustomKeyEventHandler((event) => {
      if (event.type !== 'keydown' || !event.ctrlKey || !event.shiftKey || event.code !== 'KeyC') return true;
      event.preventDefault();
      void navigator.clipboard.writeText(made.getSelection());
      return false;
    });
    channel.onmessage = ({ data }) => made.write(new Uint8Array(data));
    terminal.current = made;
    handle.current = { focus: () => made.focus(), paste: (text) => made.paste(text) };
    if (focusFirst.current) made.focus();
    return () => {
      resized.disconnect();
      handle.current = null;
      terminal.current = null;
      channel.onmessage = null;
      made.dispose();
      channel.close();
    };
  }, [channel, handle]);

  useEffect(() => {
    if (terminal.current !== null) terminal.current.options.screenReaderMode = spoken;
  }, [channel, spoken]);

  return <div className="nk-console__serial" ref={target} />;
}
