import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { TextInput } from '@patternfly/react-core';
import { useEffect, useMemo, useRef, useState } from 'react';

import { suggestVmQueries } from '../data/vm-query.ts';

interface VmQueryFieldProps {
  readonly query: string;
  readonly mistakes: readonly string[];
  readonly vms: readonly Vm[];
  onQuery(query: string): void;
}

/** Where the query is typed, with ways to go on. `/` leads here from anywhere on the screen. */
export function VmQueryField({ query, mistakes, vms, onQuery }: VmQueryFieldProps) {
  const { t } = useLingui();
  const [text, setText] = useState(query);
  const field = useRef<HTMLInputElement>(null);
  const suggestions = useMemo(() => suggestVmQueries(text, vms), [text, vms]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const at = event.target as HTMLElement;
      if (event.key !== '/' || at.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(at.tagName)) return;
      event.preventDefault();
      field.current?.focus();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onQuery(text.trim());
      }}
    >
      <TextInput
        ref={field}
        type="search"
        list="vm-queries"
        aria-label={t`Query for VMs`}
        aria-describedby="vm-query-help"
        placeholder="hv:vbox state:running mem>1024 -tag:old web"
        value={text}
        validated={mistakes.length > 0 ? 'warning' : 'default'}
        onChange={(_event, value) => {
          setText(value);
          // An emptied field, or a suggestion that was taken, is meant at once.
          if (value === '' || suggestions.includes(value)) onQuery(value.trim());
        }}
      />
      <datalist id="vm-queries">
        {suggestions.map((suggestion) => (
          <option key={suggestion} value={suggestion} />
        ))}
      </datalist>
      <p id="vm-query-help" className="nk-subtle">
        {mistakes.length > 0
          ? t`Not understood, and so left out: ${mistakes.join(' ')}. There is hv: state: tag: folder: net: name: cores> mem> is:`
          : t`Enter to search. Terms: hv: state: tag: folder: net: name: cores> mem> is:, with - before one for the opposite`}
      </p>
    </form>
  );
}
