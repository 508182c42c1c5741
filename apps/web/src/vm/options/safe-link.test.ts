import assert from 'node:assert/strict';
import { test } from 'node:test';

import { safeLink } from './safe-link.ts';

test('links lead to the web or to a mail', () => {
  assert.equal(safeLink('https://example.com/a?b'), 'https://example.com/a?b');
  assert.equal(safeLink('mailto:ann@example.com'), 'mailto:ann@example.com');
});

test('nothing else is followed', () => {
  for (const href of [
    'javascript:alert(1)',
    ' JaVaScRiPt:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    '/api/v1/vms',
    '//example.com',
    '',
  ]) {
    assert.equal(safeLink(href), null, href);
  }
});
