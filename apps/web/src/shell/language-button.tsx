import { Button } from '@patternfly/react-core';

import { useObservable } from '../data/observable.ts';
import { language, languages, speak } from '../i18n/language.ts';

/** Turns the page to the other language; it says so in that language. */
export function LanguageButton() {
  const other = useObservable(language) === 'en' ? 'id' : 'en';
  return (
    <Button variant="plain" aria-label={`${other.toUpperCase()}: ${languages[other]}`} lang={other} onClick={() => void speak(other)}>
      {other.toUpperCase()}
    </Button>
  );
}
