import { useLingui } from '@lingui/react/macro';
import type { Capabilities, Vm } from '@nakhoda/schema';
import { Spinner, Switch } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import type { ReactNode } from 'react';

import { changeAtOnce, changeVm } from '../../data/change-vm.ts';
import { useHypervisors } from '../../data/resources.ts';
import { Confirm } from '../../parts/confirm.tsx';
import { EditDialog } from '../hardware/edit-dialog.tsx';
import '../hardware/hardware-tab.css';
import { RowButton } from '../hardware/row-button.tsx';
import { useChangeVerdict } from '../hardware/use-change-verdict.ts';
import { useFieldWords } from '../hardware/use-field-words.ts';
import { useAsked } from '../use-asked.ts';
import { NotesCard } from './notes-card.tsx';
import { TagsField } from './tags-field.tsx';
import { useOptionEdits } from './use-option-edits.ts';

/** What is wanted of a VM besides its hardware, as in Proxmox VE. */
export function OptionsTab({ vm }: { vm: Vm }) {
  const { t } = useLingui();
  const capabilities = useHypervisors().find(({ id }) => id === vm.hypervisor)?.capabilities;
  if (capabilities === undefined) return <Spinner aria-label={t`Loading`} />;
  return <Options vm={vm} capabilities={capabilities} />;
}

interface Line {
  readonly key: string;
  readonly title: string;
  readonly value: ReactNode;
  readonly orders: ReactNode;
}

function Options({ vm, capabilities }: { vm: Vm; capabilities: Capabilities }) {
  const { t } = useLingui();
  const { asked, ask } = useAsked();
  const words = useFieldWords();
  const editOf = useOptionEdits(vm, capabilities);
  const verdict = useChangeVerdict(vm);
  const edit = asked === undefined ? null : editOf(asked);
  const close = () => ask(undefined);
  const hardwareOff = verdict.allowed ? undefined : (verdict.reason ?? '');
  const button = (key: string, title: string, off?: string) => <RowButton label={t`Edit`} of={title} off={off} onClick={() => ask(key)} />;
  const plain = (key: 'name' | 'folder' | 'crashPolicy'): Line => ({
    key,
    title: words.name(key),
    value: words.value(key, vm[key]),
    orders: button(key, words.name(key)),
  });
  const autostart = words.name('autostart');
  const templateOff = vm.template || vm.state === 'stopped' ? undefined : t`Only a stopped VM becomes a template.`;
  const cloudInit = vm.cloudInit;
  const lines: readonly Line[] = [
    plain('name'),
    plain('folder'),
    { key: 'tags', title: t`Tags`, value: <TagsField vm={vm} />, orders: null },
    {
      key: 'autostart',
      title: autostart,
      value: (
        <OptionSwitch vm={vm} field="autostart" name={autostart}>
          {vm.autostart && t`order ${vm.startOrder}, then ${vm.startDelaySeconds} s until the next`}
        </OptionSwitch>
      ),
      orders: button('autostart', t`order and delay`),
    },
    plain('crashPolicy'),
    {
      key: 'protection',
      title: t`Protection`,
      value: (
        <OptionSwitch vm={vm} field="protection" name={t`Protection`}>
          {t`neither it nor a disk of it is deleted`}
        </OptionSwitch>
      ),
      orders: null,
    },
    {
      key: 'cloudInit',
      title: words.name('cloudInit'),
      value:
        cloudInit === null
          ? t`none`
          : [
              cloudInit.hostname ?? vm.name,
              t`user ${cloudInit.user ?? t`of the image`}`,
              cloudInit.hasPassword ? t`with a password` : t`without a password`,
              t`SSH keys: ${cloudInit.sshKeys.length}`,
              ...cloudInit.network,
            ].join(', '),
      orders: (
        <>
          {button('cloudInit', words.name('cloudInit'), hardwareOff)}
          {cloudInit !== null && (
            <RowButton danger label={t`Remove`} of={words.name('cloudInit')} off={hardwareOff} onClick={() => ask('cloudInit.remove')} />
          )}
        </>
      ),
    },
    {
      key: 'template',
      title: t`Template`,
      value: (
        <>
          {vm.template ? t`yes: others are cloned from it` : t`no`} <span className="nk-subtle">{templateOff}</span>
        </>
      ),
      orders: (
        <RowButton
          label={vm.template ? t`Make it an ordinary VM` : t`Make it a template`}
          of={vm.name}
          off={templateOff}
          onClick={() => ask('template')}
        />
      ),
    },
  ];
  return (
    <div className="nk-hardware">
      <Table variant="compact" aria-label={t`Options of ${vm.name}`}>
        <Thead>
          <Tr>
            <Th width={20}>{t`Option`}</Th>
            <Th>{t`Value`}</Th>
            <Th screenReaderText={t`Orders`} />
          </Tr>
        </Thead>
        <Tbody>
          {lines.map(({ key, title, value, orders }) => (
            <Tr key={key}>
              <Td dataLabel={t`Option`}>{title}</Td>
              <Td dataLabel={t`Value`} className="nk-isolate">
                {value}
              </Td>
              <Td className="nk-hardware__actions">{orders}</Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      <NotesCard vm={vm} />
      {edit !== null && <EditDialog key={asked} vm={vm} edit={edit} onClose={close} />}
      {asked === 'template' && <TemplateDialog vm={vm} onClose={close} />}
      {asked === 'cloudInit.remove' && (
        <Confirm
          title={t`Remove the cloud-init drive of ${vm.name}`}
          action={t`Remove it`}
          danger
          onConfirm={() => changeVm(vm, { endpoint: 'vm.set', body: { ciDrive: false } })}
          onClose={close}
        >
          <p>{t`All that it says is forgotten: user, password, keys, addresses. What cloud-init has done in the guest stays.`}</p>
        </Confirm>
      )}
    </div>
  );
}

interface OptionSwitchProps {
  readonly vm: Vm;
  readonly field: 'autostart' | 'protection';
  readonly name: string;
  readonly children: ReactNode;
}

/** A yes or no that is changed at once, with a way back. */
function OptionSwitch({ vm, field, name, children }: OptionSwitchProps) {
  const { t } = useLingui();
  const put = (on: boolean) =>
    void changeAtOnce(vm, {
      title: on ? t`Switched on for ${vm.name}: ${name}` : t`Switched off for ${vm.name}: ${name}`,
      change: { endpoint: 'vm.set', body: { [field]: on } },
      back: { endpoint: 'vm.set', body: { [field]: !on } },
      stands: (now) => now[field] === on,
    });
  return (
    <div className="nk-hardware__orders">
      <Switch
        id={`option-${field}`}
        aria-label={name}
        label={vm[field] ? t`yes` : t`no`}
        isChecked={vm[field]}
        onChange={(_event, on) => put(on)}
      />
      <span className="nk-subtle">{children}</span>
    </div>
  );
}

function TemplateDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useLingui();
  return (
    <Confirm
      title={vm.template ? t`Make ${vm.name} an ordinary VM` : t`Make ${vm.name} a template`}
      action={vm.template ? t`Make it an ordinary VM` : t`Make it a template`}
      onConfirm={() => changeVm(vm, { endpoint: 'vm.set', body: { template: !vm.template } })}
      onClose={onClose}
    >
      <p>
        {vm.template
          ? t`It can be started and changed again. That is refused as long as a linked clone lies on its disks.`
          : t`It does not start any more and its disks do not change; clones of it take a moment and little room. It must have no snapshots. It can be made an ordinary VM again.`}
      </p>
    </Confirm>
  );
}
