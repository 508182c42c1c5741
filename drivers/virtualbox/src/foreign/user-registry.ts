import { parseRegistry } from '../machine-file.ts';

/**
 * A user's `VirtualBox.xml` without one machine, everything else byte for byte as it was; null when the machine is not
 * listed in it exactly once in a form that can be cut out. Pure.
 */
export function withoutMachine(xml: string, uuid: string): { xml: string; entry: string } | null {
  if (!/^[0-9a-f-]+$/u.test(uuid) || parseRegistry(xml).machines.filter((machine) => machine.uuid === uuid).length !== 1) return null;
  const pattern = new RegExp(
    `[ \\t]*<MachineEntry\\b[^<>]*\\buuid=["']\\{?${uuid}\\}?["'][^<>]*(/>|>\\s*</MachineEntry>)[ \\t]*\\n?`,
    'giu',
  );
  const found = [...xml.matchAll(pattern)];
  const [match] = found;
  if (found.length !== 1 || match === undefined) return null;
  const rest = xml.slice(0, match.index) + xml.slice(match.index + match[0].length);
  return listed(rest) === listed(xml, uuid) ? { xml: rest, entry: match[0] } : null;
}

/** The same with the machine's entry in it again, at the end of the list; null when there is no list. Pure. */
export function withMachine(xml: string, uuid: string, entry: string): string | null {
  if (parseRegistry(xml).machines.some((machine) => machine.uuid === uuid)) return xml;
  const line = entry.endsWith('\n') ? entry : `${entry}\n`;
  const whole = /<MachineRegistry\s*\/>/u.test(xml)
    ? xml.replace(/<MachineRegistry\s*\/>/u, () => `<MachineRegistry>\n${line}    </MachineRegistry>`)
    : xml.replace(/[ \t]*<\/MachineRegistry>/u, (end) => line + end);
  return parseRegistry(whole).machines.some((machine) => machine.uuid === uuid) ? whole : null;
}

/** The machines that a registry lists, without one, to be compared. */
function listed(xml: string, without?: string): string {
  return JSON.stringify(parseRegistry(xml).machines.filter(({ uuid }) => uuid !== without));
}
