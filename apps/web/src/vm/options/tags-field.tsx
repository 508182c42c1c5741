import { useLingui } from '@lingui/react/macro';
import { pageEndpoints } from '@nakhoda/client/browser';
import type { Vm } from '@nakhoda/schema';
import { Button, Label, TextInput } from '@patternfly/react-core';
import { useState } from 'react';
import { Errors } from 'typebox/value';

import { changeAtOnce } from '../../data/change-vm.ts';
import { useVms } from '../../data/resources.ts';
import { FieldHelp } from '../../parts/field-help.tsx';

/** The VM's tags as chips: put on and taken off at once, with a way back. Tags that others have are proposed. */
export function TagsField({ vm }: { vm: Vm }) {
  const { t } = useLingui();
  const [typed, setTyped] = useState('');
  const [error, setError] = useState<string>();
  const known = [...new Set(useVms().flatMap(({ tags }) => tags))].filter((tag) => !vm.tags.includes(tag)).toSorted();
  const put = (tags: readonly string[], title: string) =>
    changeAtOnce(vm, {
      title,
      change: { endpoint: 'vm.set', body: { tags } },
      back: { endpoint: 'vm.set', body: { tags: vm.tags } },
      // The daemon keeps tags in an order of its own.
      stands: (now) => now.tags.toSorted().join() === tags.toSorted().join(),
    });
  const add = async () => {
    const tag = typed.trim().toLowerCase();
    const tags = [...vm.tags, tag];
    const schema = pageEndpoints['vm.set'].body?.properties['tags'];
    const [fault] = Errors((schema ?? {}) as object, tags);
    if (fault !== undefined) return setError(schema?.items?.description ?? fault.message);
    setError(undefined);
    if (vm.tags.includes(tag) || (await put(tags, t`Put the tag ${tag} on ${vm.name}`))) setTyped('');
  };
  return (
    <>
      <div className="nk-chips">
        {vm.tags.map((tag) => (
          <Label
            key={tag}
            color="teal"
            closeBtnAriaLabel={t`Take off the tag ${tag}`}
            onClose={() =>
              void put(
                vm.tags.filter((one) => one !== tag),
                t`Took the tag ${tag} off ${vm.name}`,
              )
            }
          >
            {tag}
          </Label>
        ))}
        <form
          className="nk-chips__add"
          onSubmit={(event) => {
            event.preventDefault();
            void add();
          }}
        >
          <TextInput
            aria-label={t`New tag`}
            aria-describedby="tag-help"
            placeholder={t`New tag`}
            list="known-tags"
            value={typed}
            validated={error === undefined ? 'default' : 'error'}
            onChange={(_event, value) => setTyped(value)}
          />
          <Button type="submit" variant="secondary" isDisabled={typed.trim() === ''}>
            {t`Add`}
          </Button>
          <datalist id="known-tags">
            {known.map((tag) => (
              <option key={tag} value={tag} />
            ))}
          </datalist>
        </form>
      </div>
      <FieldHelp id="tag-help" error={error} />
    </>
  );
}
