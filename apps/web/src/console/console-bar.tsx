import { useLingui } from '@lingui/react/macro';
import type { ConsoleKind } from '@nakhoda/schema';
import {
  Button,
  Divider,
  Dropdown,
  DropdownGroup,
  DropdownItem,
  DropdownList,
  MenuToggle,
  ToggleGroup,
  ToggleGroupItem,
} from '@patternfly/react-core';
import { CompressIcon } from '@patternfly/react-icons/dist/esm/icons/compress-icon';
import { ExpandIcon } from '@patternfly/react-icons/dist/esm/icons/expand-icon';
import { KeyboardIcon } from '@patternfly/react-icons/dist/esm/icons/keyboard-icon';
import { useState, type ReactNode } from 'react';

import { scalings, type Scaling } from './console-handle.ts';
import { combinationLabel, offeredCombinations, stickyKeys, type StickyKey } from './console-keys.ts';

/** What can be done in the bar; where something cannot be done now its reason stands here. */
export interface ConsoleBarProps {
  readonly kind: ConsoleKind;
  readonly noScreen: string | null;
  readonly noSerial: string | null;
  readonly noKeys: string | null;
  readonly noHold: string | null;
  readonly noPicture: string | null;
  readonly noScaling: string | null;
  readonly noResize: string | null;
  readonly held: ReadonlySet<StickyKey>;
  readonly scaling: Scaling;
  readonly spoken: boolean;
  readonly full: boolean;
  readonly ownWindow: boolean;
  /** Where menus are hung in, so that they show in full screen, too. */
  readonly place: () => HTMLElement;
  onKind(kind: ConsoleKind): void;
  onPress(combination: string): void;
  onHold(key: StickyKey): void;
  onType(): void;
  onPaste(): void;
  onScaling(scaling: Scaling): void;
  onSpoken(): void;
  onDrive(): void;
  onPicture(): void;
  onReconnect(): void;
  onFull(): void;
  onOwnWindow(): void;
}

export function ConsoleBar(props: ConsoleBarProps) {
  const { t } = useLingui();
  const { kind, noKeys, noHold, noPicture, noScaling, noResize, place, onPress } = props;
  const scalingNames: Record<Scaling, string> = { fit: t`Fit to the window`, plain: t`One to one`, guest: t`Ask the guest for this size` };
  const off = (reason: string | null) => (reason === null ? {} : { isAriaDisabled: true, title: reason });
  return (
    <div className="nk-console__tools" role="toolbar" aria-label={t`Console`}>
      <ToggleGroup aria-label={t`Which console`} isCompact>
        <ToggleGroupItem
          text={t`Screen`}
          isSelected={kind === 'vnc'}
          isDisabled={props.noScreen !== null}
          {...(props.noScreen === null ? {} : { title: props.noScreen })}
          onChange={() => props.onKind('vnc')}
        />
        <ToggleGroupItem
          text={t`Serial`}
          isSelected={kind === 'serial'}
          isDisabled={props.noSerial !== null}
          {...(props.noSerial === null ? {} : { title: props.noSerial })}
          onChange={() => props.onKind('serial')}
        />
      </ToggleGroup>
      <Button variant="secondary" size="sm" {...off(noKeys)} onClick={() => noKeys === null && onPress('ctrl-alt-delete')}>
        {combinationLabel('ctrl-alt-delete')}
      </Button>
      <Menu title={t`Keys`} icon={<KeyboardIcon />} place={place}>
        <DropdownList>
          {offeredCombinations.slice(1).map((combination) => (
            <DropdownItem
              key={combination}
              isAriaDisabled={noKeys !== null}
              {...(noKeys === null ? {} : { description: noKeys })}
              onClick={() => onPress(combination)}
            >
              {combinationLabel(combination)}
            </DropdownItem>
          ))}
        </DropdownList>
      </Menu>
      <ToggleGroup aria-label={t`Keys held down`} isCompact>
        {stickyKeys.map((key) => (
          <ToggleGroupItem
            key={key}
            text={combinationLabel(key)}
            isSelected={props.held.has(key)}
            isDisabled={noHold !== null}
            {...(noHold === null ? { title: t`Held down until it is pressed again` } : { title: noHold })}
            onChange={() => props.onHold(key)}
          />
        ))}
      </ToggleGroup>
      {kind === 'serial' ? (
        <Button variant="secondary" size="sm" onClick={props.onPaste}>{t`Paste`}</Button>
      ) : (
        <Button variant="secondary" size="sm" {...off(noKeys)} onClick={() => noKeys === null && props.onType()}>
          {t`Type text`}
        </Button>
      )}
      <Menu title={t`More`} place={place}>
        <DropdownGroup label={t`Size`}>
          <DropdownList>
            {scalings.map((scaling) => {
              const reason = noScaling ?? (scaling === 'guest' ? noResize : null);
              return (
                <DropdownItem
                  key={scaling}
                  isSelected={scaling === props.scaling}
                  isAriaDisabled={reason !== null}
                  {...(reason === null ? {} : { description: reason })}
                  onClick={() => props.onScaling(scaling)}
                >
                  {scalingNames[scaling]}
                </DropdownItem>
              );
            })}
          </DropdownList>
        </DropdownGroup>
        <Divider />
        <DropdownList>
          <DropdownItem onClick={props.onDrive}>{t`CD drive …`}</DropdownItem>
          <DropdownItem
            isAriaDisabled={noPicture !== null}
            {...(noPicture === null ? {} : { description: noPicture })}
            onClick={props.onPicture}
          >
            {t`Save a picture of the screen`}
          </DropdownItem>
          <DropdownItem isSelected={props.spoken} onClick={props.onSpoken}>
            {t`Serial for screen readers`}
          </DropdownItem>
          <DropdownItem onClick={props.onReconnect}>{t`Connect anew`}</DropdownItem>
          {!props.ownWindow && <DropdownItem onClick={props.onOwnWindow}>{t`Open in a window of its own`}</DropdownItem>}
        </DropdownList>
      </Menu>
      <Button
        variant="secondary"
        size="sm"
        aria-label={props.full ? t`Leave full screen` : t`Full screen`}
        title={props.full ? t`Leave full screen` : t`Full screen`}
        icon={props.full ? <CompressIcon /> : <ExpandIcon />}
        onClick={props.onFull}
      />
    </div>
  );
}

interface MenuProps {
  readonly title: string;
  readonly icon?: ReactNode;
  readonly place: () => HTMLElement;
  readonly children: ReactNode;
}

function Menu({ title, icon, place, children }: MenuProps) {
  const [open, setOpen] = useState(false);
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      isScrollable
      maxMenuHeight="26rem"
      popperProps={{ appendTo: place }}
      toggle={(ref) => (
        <MenuToggle ref={ref} size="sm" isExpanded={open} {...(icon === undefined ? {} : { icon })} onClick={() => setOpen(!open)}>
          {title}
        </MenuToggle>
      )}
    >
      {children}
    </Dropdown>
  );
}
