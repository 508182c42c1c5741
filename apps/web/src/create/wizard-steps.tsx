import { useLingui } from '@lingui/react/macro';
import { ExpandableSection, FormGroup, FormSelect, FormSelectOption, Radio } from '@patternfly/react-core';
import { Link } from '@tanstack/react-router';
import { Controller, useFormContext, useWatch } from 'react-hook-form';

import { useNetworks, useVms } from '../data/resources.ts';
import { FieldHelp } from '../parts/field-help.tsx';
import type { Draft, Media } from './draft.ts';
import { ChoiceField, NumberField, SwitchField, TextField, fieldId, useChosenHypervisor } from './fields.tsx';
import { HypervisorChoice } from './hypervisor-choice.tsx';

export function NameField() {
  const { t } = useLingui();
  return <TextField name="name" required help={t`Letters, digits and inner hyphens: it is the guest's host name too.`} />;
}

export function HypervisorStep() {
  return (
    <>
      <NameField />
      <HypervisorChoice />
    </>
  );
}

export function OsStep() {
  const { t } = useLingui();
  const { control } = useFormContext<Draft>();
  const media = useWatch<Draft, 'media'>({ name: 'media' });
  const seen = [...new Set(useVms().flatMap(({ cdrom }) => (cdrom === null || cdrom === 'tiny' ? [] : [cdrom])))];
  const kinds: readonly (readonly [Media, string, string])[] = [
    ['tiny', t`Tiny guest`, t`A Linux of a few MiB that boots in seconds: to try things out.`],
    ['volume', t`ISO image`, t`The installation medium of a system, from a storage.`],
    ['network', t`Boot from the network`, t`PXE, as long as nothing is installed on the disk. It needs a network.`],
    ['none', t`Nothing yet`, t`An empty CD drive: a medium can be put in later.`],
  ];
  return (
    <>
      <Controller
        name="media"
        control={control}
        render={({ field }) => (
          <FormGroup role="radiogroup" label={t`Start from`} fieldId={fieldId('media')}>
            {kinds.map(([kind, label, description], index) => (
              <Radio
                key={kind}
                id={index === 0 ? fieldId('media') : fieldId(`media-${kind}`)}
                name="media"
                label={label}
                description={description}
                isChecked={field.value === kind}
                onChange={() => field.onChange(kind)}
              />
            ))}
          </FormGroup>
        )}
      />
      {media === 'volume' && (
        <>
          <TextField
            name="volume"

            required
            placeholder="local:iso/debian.iso"
            help={t`The pool, "iso/" and the file's name. Put the file into the folder iso of the daemon's data folder.`}
          />
          {seen.length > 0 && <p className="nk-subtle nk-isolate">{t`Used by other VMs: ${seen.join(', ')}`}</p>}
        </>
      )}
    </>
  );
}

export function ComputeStep() {
  const { t } = useLingui();
  const limits = useChosenHypervisor()?.capabilities;
  const uefi = useWatch<Draft, 'firmware'>({ name: 'firmware' }) === 'uefi';
  const cores = limits === undefined ? undefined : t`Up to ${limits.maxCores} here.`;
  const memory = limits === undefined ? undefined : t`${limits.minMemoryMiB} to ${limits.maxMemoryMiB} MiB here.`;
  return (
    <>
      <div className="nk-create__pair">
        <NumberField name="cores" required help={cores} />
        <NumberField name="sockets" help={t`The guest has so many times the cores.`} />
      </div>
      <NumberField name="memoryMiB" required help={memory} />
      <div className="nk-create__pair">
        <ChoiceField name="cpuModel" />
        <ChoiceField name="machine" help={t`The chipset: q35 is the newer one.`} />
        <ChoiceField name="firmware" />
        <ChoiceField name="display" />
      </div>
      <SwitchField
        name="secureBoot"

        help={t`UEFI boots signed code only.`}
        reasonOff={uefi ? undefined : t`Only with the firmware uefi.`}
      />
      <SwitchField name="tpm" help={t`Some systems ask for it, Windows 11 among them.`} />
      <SwitchField name="audio" />
      <ExpandableSection toggleText={t`Limits and memory that changes while it runs`}>
        <div className="nk-create__pair">
          <NumberField name="cpuLimit" help={t`Empty for no limit.`} />
          <NumberField name="balloonMiB" help={t`When the host's memory is scarce. Empty for never.`} />
          <NumberField
            name="memoryMaxMiB"

            help={t`While it runs. Empty for no more than it starts with.`}
          />
        </div>
      </ExpandableSection>
    </>
  );
}

export function DiskStep() {
  const { t } = useLingui();
  return (
    <>
      <NumberField
        name="diskGiB"

        required
        help={t`The image grows as the guest writes. More disks can be added later.`}
      />
      <div className="nk-create__pair">
        <ChoiceField name="diskBus" />
        <ChoiceField name="diskCache" />
      </div>
      <SwitchField name="diskSsd" />
      <SwitchField name="diskDiscard" help={t`What the guest trims is given back to the host.`} />
      <div className="nk-create__pair">
        <NumberField name="diskIopsLimit" help={t`Empty for no limit.`} />
        <NumberField name="diskMbpsLimit" help={t`Empty for no limit.`} />
      </div>
    </>
  );
}

export function NetworkField() {
  const { t } = useLingui();
  const { control } = useFormContext<Draft>();
  const networks = useNetworks();
  return (
    <Controller
      name="network"
      control={control}
      render={({ field, fieldState: { error } }) => (
        <FormGroup label={t`Network`} fieldId={fieldId('network')}>
          <FormSelect
            id={fieldId('network')}
            {...field}
            onChange={(_event, value) => field.onChange(value)}
            validated={error ? 'error' : 'default'}
            aria-describedby={`${fieldId('network')}-help`}
          >
            <FormSelectOption value="" label={t`None: the VM has no network card`} />
            {networks.map(({ name, cidr }) => (
              <FormSelectOption key={name} value={name} label={`${name} (${cidr})`} />
            ))}
            {/* A draft may name one that was deleted since: it stays visible, and the daemon tells. */}
            {field.value !== '' && !networks.some(({ name }) => name === field.value) && (
              <FormSelectOption value={field.value} label={field.value} />
            )}
          </FormSelect>
          <FieldHelp id={`${fieldId('network')}-help`} error={error?.message}>
            {networks.length === 0
              ? t`There is no network yet; make one on the networks screen.`
              : t`Guests of both hypervisors meet on it.`}
          </FieldHelp>
        </FormGroup>
      )}
    />
  );
}

export function NetworkStep() {
  const { t } = useLingui();
  const network = useWatch<Draft, 'network'>({ name: 'network' });
  return (
    <>
      <NetworkField />
      {network === '' ? (
        <p className="nk-subtle">
          {t`A network card is chosen together with a network.`} <Link to="/networks">{t`To the networks`}</Link>
        </p>
      ) : (
        <div className="nk-create__pair">
          <ChoiceField name="nicModel" />
          <TextField name="mac" help={t`Empty for one that no other VM has.`} placeholder="02:4e:4b:00:00:01" />
        </div>
      )}
    </>
  );
}
