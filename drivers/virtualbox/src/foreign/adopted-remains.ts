import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { parseMachineMedia } from '../machine-media.ts';
import { attribute, child, children, parseXml, type XmlNode } from '../xml-node.ts';

/**
 * The images and saved memory of an adopted machine, wherever its user put them, from its settings file. VirtualBox would delete them with the machine, too, but its account
 * may not delete in the folders of the user's that are not the VM's.
 */
export async function adoptedRemains(file: string): Promise<string[]> {
  return parseRemains(await readFile(file, 'utf8'), dirname(file));
}

/** Of the text of a settings file in that folder; images that grow from others come first. Pure. */
export function parseRemains(xml: string, folder: string): string[] {
  const machine = child(child(parseXml(xml), 'VirtualBox'), 'Machine');
  const images = parseMachineMedia(xml).media.map(({ location }) => location);
  return [...images.toReversed(), ...stateFiles(machine)].map((path) => resolve(folder, path));
}

function stateFiles(node: XmlNode | undefined): string[] {
  if (node === undefined) return [];
  const inner = [...children(node, 'Snapshot'), ...children(child(node, 'Snapshots'), 'Snapshot')];
  return [attribute(node, 'stateFile') ?? '', ...inner.flatMap(stateFiles)].filter((path) => path !== '');
}
