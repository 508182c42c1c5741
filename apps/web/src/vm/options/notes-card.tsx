import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { Alert, AlertActionLink, Button, Card, CardBody, CardHeader, CardTitle, Spinner, TextArea } from '@patternfly/react-core';
import { Suspense, lazy, useState } from 'react';

import { changeAtOnce } from '../../data/change-vm.ts';
import { keepDraft, keptDraft } from '../../data/drafts.ts';

const Markdown = lazy(async () => ({ default: (await import('./markdown.tsx')).Markdown }));

/** As many characters as the API takes. */
const mostCharacters = 65_536;

interface Draft {
  /** The notes as they were when editing began. */
  readonly base: string;
  readonly text: string;
}

/** A VM's notes, rendered, and edited in place. Two people who write at a time do not overwrite each other unasked. */
export function NotesCard({ vm, className }: { vm: Vm; className?: string }) {
  const { t } = useLingui();
  const place = `${vm.vmid}/notes`;
  const [draft, setDraft] = useState(() => (keptDraft(place) as Draft | undefined) ?? null);
  const [busy, setBusy] = useState(false);
  const put = (next: Draft | null) => {
    keepDraft(place, next ?? undefined);
    setDraft(next);
  };
  const save = async ({ text }: Draft) => {
    const before = vm.notes;
    setBusy(true);
    const done = await changeAtOnce(vm, {
      title: t`Changed the notes of ${vm.name}`,
      change: { endpoint: 'vm.set', body: { notes: text } },
      back: { endpoint: 'vm.set', body: { notes: before } },
      stands: (now) => now.notes === text,
    });
    setBusy(false);
    if (done) put(null);
  };
  const contested = draft !== null && vm.notes !== draft.base && vm.notes !== draft.text;
  return (
    <Card {...(className === undefined ? {} : { className })}>
      <CardHeader
        {...(draft === null
          ? {
              actions: {
                actions: (
                  <Button variant="link" isInline onClick={() => put({ base: vm.notes, text: vm.notes })}>{t`Edit the notes`}</Button>
                ),
              },
            }
          : {})}
      >
        <CardTitle component="h2">{t`Notes`}</CardTitle>
      </CardHeader>
      <CardBody>
        {draft === null && vm.notes === '' && (
          <p className="nk-subtle">{t`No notes. Write down what this VM is for, and whom to ask about it.`}</p>
        )}
        {draft === null && vm.notes !== '' && (
          <Suspense fallback={<Spinner aria-label={t`Loading`} />}>
            <Markdown text={vm.notes} />
          </Suspense>
        )}
        {draft !== null && (
          <form
            className="nk-hardware"
            onSubmit={(event) => {
              event.preventDefault();
              if (!contested) void save(draft);
            }}
          >
            <TextArea
              aria-label={t`Notes`}
              aria-describedby="notes-help"
              value={draft.text}
              rows={8}
              maxLength={mostCharacters}
              resizeOrientation="vertical"
              autoFocus
              onChange={(_event, text) => put({ ...draft, text })}
            />
            <p id="notes-help" className="nk-subtle">
              {t`Markdown: # heading, **bold**, - list, [text](https://…). HTML stays text.`}
            </p>
            {contested && (
              <Alert
                isInline
                isLiveRegion
                variant="warning"
                title={t`Somebody changed the notes meanwhile. Theirs are now:`}
                actionLinks={
                  <>
                    <AlertActionLink onClick={() => put({ base: vm.notes, text: vm.notes })}>{t`Take theirs`}</AlertActionLink>
                    <AlertActionLink onClick={() => put({ ...draft, base: vm.notes })}>{t`Keep mine`}</AlertActionLink>
                  </>
                }
              >
                <pre className="nk-notes nk-isolate">{vm.notes}</pre>
              </Alert>
            )}
            <div className="nk-hardware__orders">
              <Button type="submit" isAriaDisabled={busy || contested} isLoading={busy}>{t`Save`}</Button>
              <Button variant="link" onClick={() => put(null)}>{t`Leave it`}</Button>
            </div>
          </form>
        )}
      </CardBody>
    </Card>
  );
}
