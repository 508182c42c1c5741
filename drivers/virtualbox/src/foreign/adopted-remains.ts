import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { parseMachineMedia } from '../machine-media.ts';
import { attribute, child, children, parseXml, type XmlNode } from '../xml-node.ts';

/** What an adopted machine has on disk, wherever its user put it. */
export interface AdoptedRemains {
  /** Images, those that grow from others first. */
  images: string[];
  /** Saved memory. */
  states: string[];
}

/**
 * Reads them from the machine's settings file. VirtualBox would delete them with the machine, too, but its account
 * may not delete in the folders of the user's that are not the VM's.
 */
export async function adoptedRemains(file: string): Promise<AdoptedRemains> {
  return parseRemains(await readFile(file, 'utf8'), dirname(file));
}

/** Of the text of a settings file in that folder. Pure. */
export function parseRemains(xml: string, folder: string): AdoptedRemains {
  const machine = child(child(parseXml(xml), 'VirtualBox'), 'Machine');
  const images = parseMachineMedia(xml).media.map(({ location }) => resolve(folder, location));
  return { images: images.toReversed(), states: stateFiles(machine).map((path) => resolve(folder, path)) };
}

function stateFiles(node: XmlNode | undefined): string[] {
  if (node === undefined) return [];
  const inner = [...children(node, 'Snapshot'), ...children(child(node, 'Snapshots'), 'Snapshot')];
  return [attribute(node, 'stateFile') ?? '', ...inner.flatMap(stateFiles)].filter((path) => path !== '');
}
