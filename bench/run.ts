// Measures the figures: `npm run bench`, or `npm run bench -- TEXT…` for those whose file name contains one of the texts.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

import { keepsLimit, type Figure, type FigureRow } from './figure.ts';
import { figureNotes, figureTable } from './figure-table.ts';
import { readMachineFacts, resultsName } from './machine-facts.ts';

const figures = new URL('./figures/', import.meta.url);

async function loadFigure(file: string): Promise<Figure> {
  const exported = Object.values((await import(new URL(file, figures).href)) as Record<string, unknown>);
  const functions = exported.filter((value) => typeof value === 'function');
  const [figure] = functions;
  if (figure === undefined || functions.length > 1) throw new Error(`${file} exports ${functions.length} functions instead of one.`);
  return figure as Figure;
}

/** A figure that fails is not measured; the others are. */
async function measure(file: string): Promise<FigureRow[]> {
  process.stdout.write(`measuring ${basename(file, '.ts')} …\n`);
  try {
    return await (
      await loadFigure(file)
    )();
  } catch (error) {
    process.exitCode = 1;
    return [
      { name: basename(file, '.ts'), value: null, unit: '', note: `it failed: ${error instanceof Error ? error.stack : String(error)}` },
    ];
  }
}

/** Rows of a former run of the same day on the same machine that this run does not measure stay. */
async function formerRows(path: string, measured: ReadonlySet<string>): Promise<Record<string, FigureRow[]>> {
  const former = await readFile(path, 'utf8').catch(() => null);
  const rows = former === null ? {} : (JSON.parse(former) as { figures: Record<string, FigureRow[]> }).figures;
  return Object.fromEntries(Object.entries(rows).filter(([name]) => !measured.has(name)));
}

async function main(texts: readonly string[]): Promise<void> {
  const all = (await readdir(figures)).filter((file) => file.endsWith('.ts')).toSorted();
  const chosen = all.filter((file) => texts.length === 0 || texts.some((text) => file.includes(text)));
  if (chosen.length === 0) {
    process.stderr.write(`No figure matches ${texts.join(', ')}. There are: ${all.map((file) => basename(file, '.ts')).join(', ')}.\n`);
    process.exitCode = 2;
    return;
  }
  const at = new Date();
  const facts = await readMachineFacts();
  const results: Record<string, FigureRow[]> = {};
  for (const file of chosen) {
    const rows = await measure(file);
    results[basename(file, '.ts')] = rows;
    process.stdout.write(`${figureTable(rows)}\n`);
  }
  const path = fileURLToPath(new URL(`./results/${resultsName(facts, at)}`, import.meta.url));
  const kept = { ...(await formerRows(path, new Set(Object.keys(results)))), ...results };
  await writeFile(path, `${JSON.stringify({ at: at.toISOString(), machine: facts, figures: kept }, null, 2)}\n`);
  const rows = Object.values(results).flat();
  process.stdout.write(`\n${figureTable(rows)}\n\n${figureNotes(rows)}\n\nWritten to ${path}\n`);
  if (rows.some((row) => keepsLimit(row) === false)) process.exitCode = 1;
}

await main(process.argv.slice(2));
