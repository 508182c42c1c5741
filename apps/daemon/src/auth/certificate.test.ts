import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { generate } from 'selfsigned';

import { ensureCertificate } from './certificate.ts';

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nkc-'));
  try {
    await work(join(folder, 'tls'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const dayMs = 86_400_000;

test('it is made once, for every name of this host, and only its owner can read it', () =>
  withFolder(async (folder) => {
    const made = await ensureCertificate({ folder });
    const parsed = new X509Certificate(made.cert);
    for (const name of [hostname(), 'localhost']) assert.equal(parsed.checkHost(name), name);
    for (const address of ['127.0.0.1', '::1']) assert.equal(parsed.checkIP(address), address);
    assert.equal(parsed.ca, false);
    assert.match(made.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/u);
    assert.ok((Date.parse(parsed.validTo) - Date.parse(parsed.validFrom)) / dayMs <= 825);
    for (const file of ['cert.pem', 'key.pem']) assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600);
    assert.deepEqual(await ensureCertificate({ folder }), made);
  }));

test('it is renewed in its last 30 days', () =>
  withFolder(async (folder) => {
    const made = await ensureCertificate({ folder });
    const at = (days: number) => new Date(Date.parse(made.validUntil) - days * dayMs);
    assert.equal((await ensureCertificate({ folder, now: at(31) })).fingerprint, made.fingerprint);
    assert.notEqual((await ensureCertificate({ folder, now: at(29) })).fingerprint, made.fingerprint);
  }));

test('one that was made while the clock was ahead is made anew, for browsers refuse it', () =>
  withFolder(async (folder) => {
    const made = await ensureCertificate({ folder, now: new Date(Date.now() + 400 * dayMs) });
    const again = await ensureCertificate({ folder });
    assert.notEqual(again.fingerprint, made.fingerprint);
    assert.ok(Date.parse(new X509Certificate(again.cert).validFrom) <= Date.now());
  }));

test('half of one, as a crash leaves it, is replaced', () =>
  withFolder(async (folder) => {
    const made = await ensureCertificate({ folder });
    await rm(join(folder, 'cert.pem'));
    assert.notEqual((await ensureCertificate({ folder })).fingerprint, made.fingerprint);
    await writeFile(join(folder, 'key.pem'), made.key);
    const again = await ensureCertificate({ folder });
    assert.ok(new X509Certificate(again.cert).publicKey);
    assert.notEqual(again.key, made.key);
  }));

test("somebody else's certificate is used as it is, and never overwritten", () =>
  withFolder(async (folder) => {
    await ensureCertificate({ folder });
    const paths = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    const other = await generate([{ name: 'organizationName', value: 'Example' }], {
      keyType: 'ec',
      notAfterDate: new Date(Date.now() + dayMs),
    });
    await writeFile(paths.key, other.private);
    await writeFile(paths.cert, other.cert);
    const text = other.cert;
    assert.equal((await ensureCertificate({ folder })).cert, text);
    await writeFile(paths.key, 'nonsense');
    await assert.rejects(ensureCertificate({ folder }), { code: 'setup.failed' });
    assert.equal(await readFile(paths.cert, 'utf8'), text);
    assert.equal(await readFile(paths.key, 'utf8'), 'nonsense');
  }));
