import { useLingui } from '@lingui/react/macro';
import { Button, Dropdown, DropdownItem, DropdownList, MenuToggle, Tooltip } from '@patternfly/react-core';
import { BarsIcon } from '@patternfly/react-icons/dist/esm/icons/bars-icon';
import { SearchIcon } from '@patternfly/react-icons/dist/esm/icons/search-icon';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { tellError } from '../data/actions.ts';
import { useObservable } from '../data/observable.ts';
import { logOut, session } from '../data/session.ts';
import { contrast, theme, themes } from '../data/theme.ts';
import mark from '../mark.svg';
import { ConnectionMark } from './connection-mark.tsx';
import { LanguageButton } from './language-button.tsx';
import './masthead.css';

interface MastheadProps {
  readonly drawer: boolean;
  onDrawer(): void;
  onPalette(): void;
}

export function Masthead({ drawer, onDrawer, onPalette }: MastheadProps) {
  const { t } = useLingui();
  return (
    <header className="nk-masthead">
      <Button
        variant="plain"
        className="nk-masthead__drawer"
        aria-label={t`Show the tree`}
        aria-expanded={drawer}
        aria-controls="tree"
        icon={<BarsIcon />}
        onClick={onDrawer}
      />
      <Link to="/" className="nk-masthead__brand" aria-label="Nakhoda">
        <img src={mark} alt="" width="26" height="26" />
        <span>Nakhoda</span>
      </Link>
      <nav className="nk-masthead__nav" aria-label={t`Screens`}>
        <Link to="/vms" search={{}}>{t`VMs`}</Link>
        <Link to="/networks">{t`Networks`}</Link>
        <Link to="/tasks" search={{}}>{t`Tasks`}</Link>
        <Link to="/host">{t`Host`}</Link>
      </nav>
      <button type="button" className="nk-masthead__search" aria-label={`${t`Find or do …`} Ctrl K`} onClick={onPalette}>
        <SearchIcon aria-hidden="true" /> <span>{t`Find or do …`}</span> <kbd aria-hidden="true">Ctrl K</kbd>
      </button>
      <ConnectionMark />
      <LanguageButton />
      <UserMenu />
    </header>
  );
}

function UserMenu() {
  const { t } = useLingui();
  const [open, setOpen] = useState(false);
  const shownTheme = useObservable(theme);
  const shownContrast = useObservable(contrast);
  const user = useObservable(session)?.user ?? '';
  const names = { system: t`Colours as the system`, light: t`Light`, dark: t`Dark` };
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={{ position: 'right' }}
      toggle={(ref) => (
        <Tooltip content={t`Appearance and session`}>
          <MenuToggle ref={ref} variant="plainText" isExpanded={open} onClick={() => setOpen(!open)}>
            {user}
          </MenuToggle>
        </Tooltip>
      )}
    >
      <DropdownList>
        {themes.map((one) => (
          <DropdownItem key={one} isSelected={one === shownTheme} onClick={() => theme.set(one)}>
            {names[one]}
          </DropdownItem>
        ))}
        <DropdownItem isSelected={shownContrast === 'high'} onClick={() => contrast.set(shownContrast === 'high' ? 'system' : 'high')}>
          {t`High contrast`}
        </DropdownItem>
        <DropdownItem onClick={() => void logOut().catch((thrown: unknown) => tellError(thrown, t`Log out`))}>{t`Log out`}</DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}
