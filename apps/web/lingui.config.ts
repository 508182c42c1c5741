import { formatter } from '@lingui/format-po';

/** Messages are taken from the sources into one catalogue a language; English is what the sources say. */
const config = {
  sourceLocale: 'en',
  locales: ['en', 'id'],
  catalogs: [{ path: '<rootDir>/locales/{locale}', include: ['src'] }],
  // Line numbers would make every change of a source a change of both catalogues.
  format: formatter({ lineNumbers: false }),
};

export default config;
