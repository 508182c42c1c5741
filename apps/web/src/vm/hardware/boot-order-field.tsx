import { useLingui } from '@lingui/react/macro';
import { Button, Checkbox } from '@patternfly/react-core';
import { useRef, useState, type KeyboardEvent } from 'react';

import { moveInOrder } from './move-in-order.ts';

interface BootOrderFieldProps {
  readonly id: string;
  readonly label: string;
  readonly off: boolean;
  /** Those that are booted from, in order. */
  readonly order: readonly string[];
  /** All that could be. */
  readonly devices: readonly string[];
  onChange(order: readonly string[]): void;
}

/** What is booted from, in order: moved by its buttons, or by Alt and the arrow keys. */
export function BootOrderField({ id, label, off, order, devices, onChange }: BootOrderFieldProps) {
  const { t } = useLingui();
  const list = useRef<HTMLOListElement>(null);
  const [told, setTold] = useState('');
  const shown = [...order, ...devices.filter((device) => !order.includes(device))];
  const move = (device: string, by: -1 | 1) => {
    const moved = moveInOrder(order, device, by);
    if (moved === order) return;
    onChange(moved);
    setTold(t`${device} is number ${moved.indexOf(device) + 1} of ${moved.length}`);
  };
  const onKey = (device: string) => (event: KeyboardEvent) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!event.altKey || by === undefined) return;
    event.preventDefault();
    move(device, by === -1 ? -1 : 1);
  };
  return (
    <>
      <ol className="nk-order" id={id} ref={list} aria-label={label} tabIndex={-1}>
        {shown.map((device) => {
          const at = order.indexOf(device);
          return (
            <li key={device} className="nk-order__row" onKeyDown={onKey(device)}>
              <span className="nk-order__number">{at === -1 ? '' : at + 1}</span>
              <Checkbox
                id={`${id}-${device}`}
                label={device}
                isDisabled={off}
                isChecked={at !== -1}
                onChange={(_event, checked) => onChange(checked ? [...order, device] : order.filter((one) => one !== device))}
              />
              <Button
                variant="plain"
                size="sm"
                aria-label={t`${device} up`}
                isAriaDisabled={off || at < 1}
                onClick={() => move(device, -1)}
              >
                ▲
              </Button>
              <Button
                variant="plain"
                size="sm"
                aria-label={t`${device} down`}
                isAriaDisabled={off || at === -1 || at === order.length - 1}
                onClick={() => move(device, 1)}
              >
                ▼
              </Button>
            </li>
          );
        })}
      </ol>
      <p className="nk-subtle">{t`Only what is ticked is booted from, from the top. Alt with the arrow keys moves a line.`}</p>
      <p role="status" className="pf-v6-u-screen-reader">
        {told}
      </p>
    </>
  );
}
