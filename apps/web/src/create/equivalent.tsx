import { useLingui } from '@lingui/react/macro';
import { ClipboardCopy, ClipboardCopyVariant } from '@patternfly/react-core';
import { useWatch } from 'react-hook-form';

import { apiCall, cliCommand } from './cli-command.ts';
import { bodyOf, type Draft } from './draft.ts';
import { useChosenHypervisor } from './fields.tsx';

const secrets = { ciPassword: 'PASSWORD' };

/** The same order for the command line and for a program, so that what was done by hand once need not be again. */
export function Equivalent() {
  const { t } = useLingui();
  const draft = useWatch<Draft>() as Draft;
  const body = bodyOf(draft, useChosenHypervisor());
  const call = apiCall('vm.create', { body }, { secrets });
  return (
    <section className="nk-create__equivalent" aria-label={t`The same order elsewhere`}>
      <h3>{t`On the command line`}</h3>
      <ClipboardCopy
        isReadOnly
        isCode
        variant={ClipboardCopyVariant.inlineCompact}
        className="nk-create__cli"
        hoverTip={t`Copy`}
        clickTip={t`Copied`}
      >
        {cliCommand('vm.create', { body }, { secrets })}
      </ClipboardCopy>
      {body['ciPassword'] !== undefined && (
        <p className="nk-subtle">{t`Put the password into the variable PASSWORD first; it is not shown here.`}</p>
      )}
      <h3>{t`In the API`}</h3>
      <pre className="nk-create__api" tabIndex={0} aria-label={t`In the API`}>
        {`${call.line}\n\n${call.body}`}
      </pre>
    </section>
  );
}
