import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { Button, Dropdown, DropdownItem, DropdownList, MenuToggle } from '@patternfly/react-core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { orderPower, tellError, verdictOf, type PowerAction } from '../data/actions.ts';
import { api } from '../data/session.ts';
import { Confirm } from '../parts/confirm.tsx';
import { usePowerNames } from '../parts/power-names.ts';
import { menuEntries, type MenuEntry } from './menu-entries.ts';

const pinned = ['start', 'shutdown'] as const satisfies PowerAction[];
const others = ['stop', 'pause', 'resume', 'reset', 'suspend', 'discard'] as const satisfies PowerAction[];
type Asked = 'stop' | 'reset' | 'discard' | 'destroy';

/** The orders to a VM. What is not possible now is there, off, with its reason; what loses something asks first. */
export function PowerButtons({ vm }: { vm: Vm }) {
  const { t, i18n } = useLingui();
  const names = usePowerNames();
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [entry, setEntry] = useState<MenuEntry | null>(null);
  const give = (action: PowerAction) => {
    if (action === 'stop' || action === 'reset' || action === 'discard') setAsked(action);
    else void orderPower(vm, action).catch((thrown: unknown) => tellError(thrown, `${names[action]}: ${vm.name}`));
  };
  const destroy = verdictOf(vm, 'destroy');
  return (
    <>
      {pinned.map((action) => {
        const { allowed, reason } = verdictOf(vm, action);
        return (
          <Button
            key={action}
            variant={action === 'start' ? 'primary' : 'secondary'}
            isAriaDisabled={!allowed}
            {...(allowed ? {} : { title: reason })}
            onClick={() => allowed && give(action)}
          >
            {names[action]}
          </Button>
        );
      })}
      <Dropdown
        isOpen={open}
        onOpenChange={setOpen}
        onSelect={() => setOpen(false)}
        popperProps={{ position: 'right' }}
        toggle={(ref) => (
          <MenuToggle ref={ref} isExpanded={open} onClick={() => setOpen(!open)}>
            {t`More`}
          </MenuToggle>
        )}
      >
        <DropdownList>
          {others.map((action) => {
            const { allowed, reason } = verdictOf(vm, action);
            return (
              <DropdownItem key={action} isAriaDisabled={!allowed} description={allowed ? undefined : reason} onClick={() => give(action)}>
                {names[action]}
              </DropdownItem>
            );
          })}
          {menuEntries.map((one) => {
            const { allowed, reason } = verdictOf(vm, one.action);
            return (
              <DropdownItem
                key={one.key}
                isAriaDisabled={!allowed}
                description={allowed ? undefined : reason}
                onClick={() => setEntry(one)}
              >
                {i18n._(one.name(vm))}
              </DropdownItem>
            );
          })}
          <DropdownItem
            isDanger
            isAriaDisabled={!destroy.allowed}
            description={destroy.allowed ? undefined : destroy.reason}
            onClick={() => setAsked('destroy')}
          >
            {t`Destroy`}
          </DropdownItem>
        </DropdownList>
      </Dropdown>
      {entry !== null && <entry.Dialog vm={vm} onClose={() => setEntry(null)} />}
      {asked !== null && asked !== 'destroy' && (
        <Confirm
          title={`${names[asked]}: ${vm.name}`}
          action={names[asked]}
          danger
          onConfirm={() => orderPower(vm, asked)}
          onClose={() => setAsked(null)}
        >
          <p>
            {
              {
                stop: t`The power is taken away at once. What the guest has not written is lost; Shut down asks the guest first.`,
                reset: t`The guest starts anew at once, without shutting down. What it has not written is lost.`,
                discard: t`The memory that was kept is thrown away: the next start is as after a loss of power.`,
              }[asked]
            }
          </p>
        </Confirm>
      )}
      {asked === 'destroy' && (
        <Confirm
          title={t`Destroy ${vm.name}`}
          action={t`Destroy`}
          danger
          typeName={vm.name}
          onConfirm={async () => {
            await api.call('vm.destroy', { params: { vm: String(vm.vmid) } });
            await navigate({ to: '/vms', search: {} });
          }}
          onClose={() => setAsked(null)}
        >
          <p>{t`The VM, its ${vm.disks.length} disks and all of its snapshots are deleted. Nothing brings them back.`}</p>
        </Confirm>
      )}
    </>
  );
}
