import { useLingui } from '@lingui/react/macro';
import { toNakhodaError } from '@nakhoda/schema/errors';
import { ActionGroup, Alert, Button, Form, FormGroup, TextInput } from '@patternfly/react-core';
import { useState, type FormEvent } from 'react';

import { logIn } from '../data/session.ts';
import mark from '../mark.svg';
import { LanguageButton } from '../shell/language-button.tsx';
import './login.css';

export function Login() {
  const { t } = useLingui();
  const [user, setUser] = useState('admin');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<{ message: string; hint: string } | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setRefusal(null);
    try {
      await logIn(user, password);
    } catch (thrown) {
      setRefusal(toNakhodaError(thrown));
      setBusy(false);
    }
  };

  return (
    <main className="nk-login">
      <div className="nk-login__card">
        <header>
          <img src={mark} alt="" width="40" height="40" />
          <h1>Nakhoda</h1>
          <LanguageButton />
        </header>
        {refusal !== null && (
          <Alert variant="danger" isInline title={refusal.message} component="p">
            {refusal.hint}
          </Alert>
        )}
        <Form onSubmit={(event) => void submit(event)}>
          <FormGroup label={t`User`} fieldId="user">
            <TextInput id="user" name="user" autoComplete="username" value={user} isRequired onChange={(_event, value) => setUser(value)} />
          </FormGroup>
          <FormGroup label={t`Password`} fieldId="password">
            <TextInput
              id="password"
              name="password"
              type="password"
              autoComplete="current-password"
              value={password}
              isRequired
              onChange={(_event, value) => setPassword(value)}
            />
          </FormGroup>
          <ActionGroup>
            <Button type="submit" isDisabled={busy || user === '' || password === ''} isLoading={busy}>
              {t`Log in`}
            </Button>
          </ActionGroup>
        </Form>
        <p className="nk-login__help">
          {t`The password was shown when the daemon first started. A new one:`} <code>./nakhoda password reset</code>
        </p>
      </div>
    </main>
  );
}
