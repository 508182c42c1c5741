import { useLingui } from '@lingui/react/macro';
import { ClipboardCopyButton, CodeBlock, CodeBlockAction, CodeBlockCode } from '@patternfly/react-core';
import { useState } from 'react';
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
      <Copyable id="cli" text={cliCommand('vm.create', { body }, { secrets, lines: true })} />
      {body['ciPassword'] !== undefined && (
        <p className="nk-subtle">{t`Put the password into the variable PASSWORD first; it is not shown here.`}</p>
      )}
      <h3>{t`In the API`}</h3>
      <Copyable id="api" text={`${call.line}\n\n${call.body}`} />
    </section>
  );
}

function Copyable({ id, text }: { id: string; text: string }) {
  const { t } = useLingui();
  const [copied, setCopied] = useState(false);
  return (
    <CodeBlock
      actions={
        <CodeBlockAction>
          <ClipboardCopyButton
            id={`new-copy-${id}`}
            textId={`new-text-${id}`}
            aria-label={t`Copy`}
            variant="plain"
            onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
            onTooltipHidden={() => setCopied(false)}
          >
            {copied ? t`Copied` : t`Copy`}
          </ClipboardCopyButton>
        </CodeBlockAction>
      }
    >
      <CodeBlockCode id={`new-text-${id}`} className="nk-create__code">
        {text}
      </CodeBlockCode>
    </CodeBlock>
  );
}
