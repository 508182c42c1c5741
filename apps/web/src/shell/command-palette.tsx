import { useLingui } from '@lingui/react/macro';
import { useNavigate } from '@tanstack/react-router';
import { Command } from 'cmdk';
import { useEffect, useRef } from 'react';

import { orderPower, powerActions, tellError, verdictOf } from '../data/actions.ts';
import { useVms } from '../data/resources.ts';
import { contrast, theme } from '../data/theme.ts';
import { HypervisorBadge, StateMark } from '../parts/vm-mark.tsx';
import { usePowerNames } from '../parts/power-names.ts';
import './command-palette.css';

/** More VMs than this are found by typing, not by scrolling. */
const listedVms = 200;

/** Ctrl+K: finds every VM and screen, and gives every order that is allowed now. What can destroy asks elsewhere, so it is not here. */
export function CommandPalette({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const powerNames = usePowerNames();
  const vms = useVms().slice(0, listedVms);
  const run = (work: () => unknown) => () => {
    onClose();
    void work();
  };
  const dialog = useRef<HTMLDialogElement>(null);
  // The browser's own dialog keeps the focus within; cmdk's brings a style sheet that the content security policy refuses.
  useEffect(() => {
    dialog.current?.showModal();
    // The dialog by itself would focus cmdk's frame, which only scripts can.
    dialog.current?.querySelector('input')?.focus();
  }, []);
  const harmless = powerActions.filter((action) => action !== 'stop' && action !== 'reset' && action !== 'discard');
  return (
    <dialog
      ref={dialog}
      className="nk-palette"
      aria-label={t`Find or do …`}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <Command label={t`Find or do …`}>
        <Command.Input placeholder={t`A VM's name, vmid or address, a screen, an order …`} />
        <Command.List>
          <Command.Empty>{t`Nothing of that name. The list of VMs has a query language: hv:vbox state:running`}</Command.Empty>
          <Command.Group heading={t`Screens`}>
            <Command.Item onSelect={run(() => navigate({ to: '/' }))}>{t`Overview`}</Command.Item>
            <Command.Item onSelect={run(() => navigate({ to: '/vms', search: {} }))}>{t`VMs`}</Command.Item>
            <Command.Item onSelect={run(() => navigate({ to: '/vms/new', search: {} }))} keywords={['c v', 'new', 'wizard']}>
              {t`Create a VM`}
            </Command.Item>
            <Command.Item onSelect={run(() => navigate({ to: '/tour' }))}>{t`Tour`}</Command.Item>
            <Command.Item onSelect={run(() => navigate({ to: '/networks' }))}>{t`Networks`}</Command.Item>
            <Command.Item onSelect={run(() => navigate({ to: '/tasks', search: {} }))}>{t`Tasks`}</Command.Item>
            <Command.Item onSelect={run(() => navigate({ to: '/host' }))}>{t`Host`}</Command.Item>
            <Command.Item onSelect={run(() => theme.set('dark'))}>{t`Colours: dark`}</Command.Item>
            <Command.Item onSelect={run(() => theme.set('light'))}>{t`Colours: light`}</Command.Item>
            <Command.Item
              onSelect={run(() => contrast.set(contrast.get() === 'high' ? 'system' : 'high'))}
            >{t`High contrast`}</Command.Item>
          </Command.Group>
          <Command.Group heading={t`VMs`}>
            {vms.map((vm) => (
              <Command.Item
                key={vm.vmid}
                value={`${vm.vmid} ${vm.name}`}
                keywords={[...vm.addresses, ...vm.tags]}
                onSelect={run(() => navigate({ to: '/vms/$vmid', params: { vmid: String(vm.vmid) }, search: {} }))}
              >
                <StateMark state={vm.state} /> <HypervisorBadge id={vm.hypervisor} /> {vm.vmid} {vm.name}
              </Command.Item>
            ))}
          </Command.Group>
          <Command.Group heading={t`Orders`}>
            {vms.flatMap((vm) =>
              harmless
                .filter((action) => verdictOf(vm, action).allowed)
                .map((action) => (
                  <Command.Item
                    key={`${action} ${vm.vmid}`}
                    value={`${powerNames[action]} ${vm.vmid} ${vm.name}`}
                    onSelect={run(() =>
                      orderPower(vm, action).catch((thrown: unknown) => tellError(thrown, `${powerNames[action]}: ${vm.name}`)),
                    )}
                  >
                    {powerNames[action]}: {vm.name}
                  </Command.Item>
                )),
            )}
          </Command.Group>
        </Command.List>
      </Command>
    </dialog>
  );
}
