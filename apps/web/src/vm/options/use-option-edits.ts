import { useLingui } from '@lingui/react/macro';
import type { Capabilities, Vm } from '@nakhoda/schema';

import { changeVm } from '../../data/change-vm.ts';
import { useVms } from '../../data/resources.ts';
import { changeEffect } from '../hardware/change-effect.ts';
import { schemaField, type EditField } from '../hardware/edit-fields.ts';
import { pick, type Edit } from '../hardware/edit.ts';
import { useFieldWords } from '../hardware/use-field-words.ts';
import { cloudInitFields, cloudInitValues } from './cloud-init-values.ts';

const options = {
  name: ['name'],
  folder: ['folder'],
  autostart: ['autostart', 'startOrder', 'startDelaySeconds'],
  crashPolicy: ['crashPolicy'],
} as const;

/** The dialogs of a VM's options, by what the address calls them. */
export function useOptionEdits(vm: Vm, capabilities: Capabilities): (asked: string) => Edit | null {
  const { t } = useLingui();
  const words = useFieldWords();
  const folders = [...new Set(useVms().map(({ folder }) => folder))].filter((folder) => folder !== '').toSorted();
  const { crashPause, hotplug } = capabilities;

  const fieldOf = (name: string): EditField => {
    const field = schemaField('vm.set', name);
    if (name === 'folder') return { ...field, suggestions: folders };
    if (name !== 'crashPolicy') return field;
    const choices = (field.choices ?? []).map(({ value }) => ({ value, off: value === 'pause' && !crashPause.allowed }));
    return { ...field, choices, limits: crashPause.allowed ? undefined : crashPause.reason };
  };

  const cloudInit = (): Edit => ({
    place: 'cloudInit',
    title: t`cloud-init drive of ${vm.name}`,
    action: vm.cloudInit === null ? t`Give it the drive` : t`Save`,
    endpoint: 'vm.set',
    fields: cloudInitFields.map((name): EditField => {
      const field = schemaField('vm.set', name);
      if (name === 'ciPassword') return { ...field, kind: 'password' };
      return name === 'ciUserData' || name === 'ciVendorData'
        ? { ...field, kind: 'long-text' }
        : { ...field, kind: field.kind === 'lines' ? 'lines' : 'text' };
    }),
    values: (now) => cloudInitValues(now.cloudInit),
    effect: () => changeEffect('cloudInit', vm, hotplug),
    ...(vm.cloudInit === null ? { makes: 'cloudInit' } : {}),
    hint: t`cloud-init in the guest reads it when it first starts.`,
    send: (changed) => changeVm(vm, { endpoint: 'vm.set', body: vm.cloudInit === null ? { ciDrive: true, ...changed } : changed }),
  });

  return (asked) => {
    if (asked === 'cloudInit') return cloudInit();
    if (!(asked in options)) return null;
    const fields: readonly string[] = options[asked as keyof typeof options];
    return {
      place: asked,
      title: `${words.name(asked)}: ${vm.name}`,
      action: t`Save`,
      endpoint: 'vm.set',
      fields: fields.map(fieldOf),
      values: (now) => pick(now, fields),
      effect: () => null,
      send: (changed) => changeVm(vm, { endpoint: 'vm.set', body: changed }),
    };
  };
}
