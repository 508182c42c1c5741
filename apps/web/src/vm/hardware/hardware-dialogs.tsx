import { useLingui } from '@lingui/react/macro';
import type { Capabilities, Vm } from '@nakhoda/schema';
import { Checkbox } from '@patternfly/react-core';
import { useState } from 'react';

import { changeVm } from '../../data/change-vm.ts';
import { gibibytes } from '../../data/format.ts';
import { Confirm } from '../../parts/confirm.tsx';
import { changeEffect } from './change-effect.ts';
import { EditDialog } from './edit-dialog.tsx';
import { RevertDialog } from './revert-dialog.tsx';
import { useHardwareEdits } from './use-hardware-edits.ts';

interface HardwareDialogsProps {
  readonly vm: Vm;
  readonly capabilities: Capabilities;
  readonly asked: string;
  onClose(): void;
}

/** The dialog that the address asks for; none where it asks for something that the VM has not. */
export function HardwareDialogs({ vm, capabilities, asked, onClose }: HardwareDialogsProps) {
  const edit = useHardwareEdits(vm, capabilities)(asked);
  const [slot = '', what] = asked.split('.');
  if (edit !== null) return <EditDialog key={asked} vm={vm} edit={edit} onClose={onClose} />;
  if (asked === 'revert') return <RevertDialog vm={vm} onClose={onClose} />;
  if (what !== 'remove') return null;
  if (vm.nics.some((nic) => nic.slot === slot)) return <RemoveNic vm={vm} capabilities={capabilities} slot={slot} onClose={onClose} />;
  return <RemoveDisk vm={vm} capabilities={capabilities} slot={slot} onClose={onClose} />;
}

interface RemoveProps {
  readonly vm: Vm;
  readonly capabilities: Capabilities;
  readonly slot: string;
  onClose(): void;
}

function RemoveDisk({ vm, capabilities, slot, onClose }: RemoveProps) {
  const { t } = useLingui();
  const [keep, setKeep] = useState(false);
  const disk = vm.disks.find((one) => one.slot === slot);
  if (disk === undefined) return null;
  const waits = changeEffect('disks', vm, capabilities.hotplug) === 'next-start';
  return (
    <Confirm
      title={t`Remove ${slot} of ${vm.name}`}
      action={keep ? t`Remove it` : t`Remove it with its data`}
      danger
      onConfirm={() => changeVm(vm, { endpoint: 'disk.remove', params: { slot }, body: { keep } })}
      onClose={onClose}
    >
      <ul className="nk-plain-list">
        <li>
          {keep
            ? t`The VM loses the disk of ${gibibytes(disk.sizeGiB)}; its image stays in the VM's folder, until the VM is destroyed.`
            : t`The image of ${gibibytes(disk.sizeGiB)} is deleted with everything on it. Nothing brings it back.`}
        </li>
        {waits && <li>{t`The running VM keeps it until its next start; until then Revert brings it back.`}</li>}
        <li>
          <code className="nk-isolate">{disk.volume}</code>
        </li>
      </ul>
      <Checkbox
        id="keep"
        label={t`Keep its image`}
        description={t`The file stays where it is; no new disk is given it.`}
        isChecked={keep}
        onChange={(_event, checked) => setKeep(checked)}
      />
    </Confirm>
  );
}

function RemoveNic({ vm, capabilities, slot, onClose }: RemoveProps) {
  const { t } = useLingui();
  const nic = vm.nics.find((one) => one.slot === slot);
  if (nic === undefined) return null;
  const waits = changeEffect('nics', vm, capabilities.hotplug) === 'next-start';
  return (
    <Confirm
      title={t`Remove ${slot} of ${vm.name}`}
      action={t`Remove it`}
      danger
      onConfirm={() => changeVm(vm, { endpoint: 'nic.remove', params: { slot } })}
      onClose={onClose}
    >
      <p>
        {waits
          ? t`The guest loses its way to ${nic.network} with its next start.`
          : t`The guest loses its way to ${nic.network}, and its connections there break.`}{' '}
        {t`Its MAC address ${nic.mac} is free afterwards; a new NIC gets another, unless you name it.`}
      </p>
    </Confirm>
  );
}
