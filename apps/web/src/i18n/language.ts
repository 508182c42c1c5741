import { i18n } from '@lingui/core';

import { observable } from '../data/observable.ts';

export const languages = { en: 'English', id: 'Bahasa Indonesia' } as const;
export type Language = keyof typeof languages;

const catalogues = {
  en: () => import('../../locales/en.po'),
  id: () => import('../../locales/id.po'),
};

export const language = observable<Language>(chosen());

function chosen(): Language {
  const kept = localStorage.getItem('language');
  if (kept === 'en' || kept === 'id') return kept;
  return navigator.language.startsWith('id') || navigator.language.startsWith('ms') ? 'id' : 'en';
}

/** Loads a language's words and turns the page to it; kept in the browser. */
export async function speak(next: Language): Promise<void> {
  const { messages } = await catalogues[next]();
  // English as most of the world writes its dates.
  i18n.loadAndActivate({ locale: next, locales: next === 'en' ? ['en-GB', 'en'] : next, messages });
  document.documentElement.lang = next;
  localStorage.setItem('language', next);
  language.set(next);
}
