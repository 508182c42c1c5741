import '@patternfly/react-core/dist/styles/base.css';
import './tokens.css';

import { i18n } from '@lingui/core';
import { I18nProvider } from '@lingui/react';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { queryClient } from './data/query-client.ts';
import { findSession } from './data/session.ts';
import { followAppearance } from './data/theme.ts';
import { language, speak } from './i18n/language.ts';
import { Page } from './page.tsx';

followAppearance();
const root = document.querySelector('#root');
if (root === null) throw new Error('index.html has no #root');
// Without its words the page has nothing to show, and who is there decides which page it is.
await Promise.all([speak(language.get()), findSession()]);
createRoot(root).render(
  <StrictMode>
    <I18nProvider i18n={i18n}>
      <QueryClientProvider client={queryClient}>
        <Page />
      </QueryClientProvider>
    </I18nProvider>
  </StrictMode>,
);
