import { useLingui } from '@lingui/react/macro';
import { FormFieldGroup, FormFieldGroupHeader } from '@patternfly/react-core';
import { useWatch } from 'react-hook-form';

import type { Draft } from './draft.ts';
import { SwitchField, TextField } from './fields.tsx';

export function StartField() {
  return <SwitchField name="start" />;
}

/** What happens by itself: at the first start inside the guest (cloud-init), and at the host's. */
export function AutomationStep() {
  const { t } = useLingui();
  const cloudInit = useWatch<Draft, 'ciDrive'>({ name: 'ciDrive' });
  const network = useWatch<Draft, 'network'>({ name: 'network' });
  const wholeUserData = useWatch<Draft, 'ciUserData'>({ name: 'ciUserData' }) !== '';
  return (
    <>
      <StartField />
      <SwitchField name="autostart" />
      <SwitchField name="protection" />
      <div className="nk-create__pair">
        <TextField name="tags" help={t`Lower case, with commas between.`} />
        <TextField name="folder" help={t`With "/" between: lab/week 3.`} />
      </div>
      <TextField name="notes" rows={2} />
      <FormFieldGroup
        header={
          <FormFieldGroupHeader
            titleText={{ text: 'cloud-init', id: 'new-cloud-init' }}
            titleDescription={t`A drive that tells a cloud image at its first start who may log in and what to install.`}
          />
        }
      >
        <SwitchField name="ciDrive" />
        {cloudInit && (
          <>
            <div className="nk-create__pair">
              <TextField name="ciUser" help={t`Empty for the image's own.`} isDisabled={wholeUserData} />
              <TextField
                name="ciPassword"

                type="password"
                autoComplete="new-password"
                isDisabled={wholeUserData}
                help={t`Only a hash of it is kept. The draft does not keep it: after a reload it has to be typed again.`}
              />
              <TextField name="ciHostname" help={t`Empty for the VM's name.`} />
              <TextField name="ciDns" help={t`IP addresses with commas between.`} />
            </div>
            <TextField
              name="ciSshKeys"

              rows={3}
              isDisabled={wholeUserData}
              help={t`Public keys that may log in, one a line.`}
              placeholder="ssh-ed25519 AAAA… me@laptop"
            />
            <div className="nk-create__pair">
              <TextField
                name="ciNetwork"

                isDisabled={network === ''}
                help={network === '' ? t`The VM has no network.` : t`Empty for DHCP; else for example net0=10.77.0.5/24 via 10.77.0.1`}
              />
              <TextField name="ciPackages" isDisabled={wholeUserData} help={t`With commas between.`} />
            </div>
            <TextField
              name="ciUserData"

              rows={3}
              help={t`A whole document in place of user, keys, password and packages. The draft does not keep it, since it may hold secrets.`}
            />
          </>
        )}
      </FormFieldGroup>
    </>
  );
}
