import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { derivedFiles, repositoryFolder } from './derived-files.ts';

for (const [path, content] of Object.entries(derivedFiles())) {
  writeFileSync(join(repositoryFolder, path), content);
  process.stdout.write(`${path}\n`);
}
