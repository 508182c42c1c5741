import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { derivedFiles, repositoryFolder } from './derived-files.ts';

for (const [path, content] of Object.entries(derivedFiles())) {
  test(`${path} is as the tables say; \`npm run openapi\` writes it anew`, () => {
    assert.equal(readFileSync(join(repositoryFolder, path), 'utf8'), content);
  });
}
