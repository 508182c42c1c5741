import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { endpoints, errorTable, type Endpoint } from '@nakhoda/schema';

import { openApiDocument } from './openapi.ts';

/** The repository's root folder. */
export const repositoryFolder = fileURLToPath(new URL('../../../../', import.meta.url));

/** Every checked-in file that is made from the endpoint and error tables: path in the repository → content. */
export function derivedFiles(): Record<string, string> {
  const { version } = JSON.parse(readFileSync(`${repositoryFolder}package.json`, 'utf8')) as { version: string };
  return {
    'docs/openapi.json': `${JSON.stringify(openApiDocument(version), null, 2)}\n`,
    'docs/errors.md': errorsPage(),
    'packages/client/src/endpoint-table.json': plainTable(),
  };
}

function errorsPage(): string {
  const cells = Object.entries(errorTable).map(([code, { status, meaning }]) => [`\`${code}\``, String(status), meaning]);
  const title = ['code', 'status', 'meaning'];
  const widths = title.map((_name, column) => Math.max(...[title, ...cells].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], filler = ' ') =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0, filler)).join(' | ')} |`;
  const table = [line(title), line(['', '', ''], '-'), ...cells.map((row) => line(row))];
  return `# Errors

Every error has a code that never changes its meaning, a message (what happened and why) and a hint (what to do
next). The API sends it as JSON with the status below and with the request's id; \`--json\` prints it on standard error.

This page is made from the error table (\`packages/schema/src/errors.ts\`) by \`npm run openapi\`.

${table.join('\n')}
`;
}

/** What the client and the command line need at run time, without building the schemas at every start. One endpoint a line. */
function plainTable(): string {
  const lines = Object.entries(endpoints).map(([id, { method, path, answer, params, query, body, summary, cli }]: [string, Endpoint]) => {
    const plain = { method, path, answer: answer ?? 'json', summary, params, query, body, cli };
    return `${JSON.stringify(id)}: ${JSON.stringify(plain)}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}
