import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { withMachine, withoutMachine } from './user-registry.ts';

const xml = await readFile(new URL('fixtures/virtualbox-7.2.22-registry.xml', import.meta.url), 'utf8');
const uuid = /MachineEntry uuid="\{([^}]+)\}"/u.exec(xml)?.[1] ?? '';

test('a machine is cut out of the list, nothing else changes, and it can be put back', () => {
  const cut = withoutMachine(xml, uuid);
  assert.ok(cut);
  assert.equal(
    cut.xml,
    xml
      .split('\n')
      .filter((line) => !line.includes('<MachineEntry'))
      .join('\n'),
  );
  assert.equal(withMachine(cut.xml, uuid, cut.entry), xml);
});

test('into a list without machines, or with others', () => {
  const entry = withoutMachine(xml, uuid)?.entry ?? '';
  const empty = withoutMachine(xml, uuid)?.xml.replace(/<MachineRegistry>\s*<\/MachineRegistry>/u, '<MachineRegistry/>') ?? '';
  assert.match(withMachine(empty, uuid, entry) ?? '', /<MachineRegistry>\s*<MachineEntry [^>]*\/>\s*<\/MachineRegistry>/u);
  assert.equal(withMachine(xml, uuid, entry), xml);
  assert.equal(withMachine('<VirtualBox/>', uuid, entry), null);
});

test('what cannot be cut out for sure is left alone', () => {
  assert.equal(withoutMachine(xml, '00000000-0000-4000-8000-000000000000'), null);
  assert.equal(withoutMachine(xml.replace(/( *<MachineEntry [^>]*\/>\n)/u, '$1$1'), uuid), null);
  assert.equal(withoutMachine(xml.replace('<MachineEntry ', '<!-- <MachineEntry ').replace('web.vbox"/>', 'web.vbox"/> -->'), uuid), null);
});
