import { X509Certificate, createPrivateKey } from 'node:crypto';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';

import { writeFileAtomic } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import type { TlsMaterial } from '../http/server-factory.ts';

const dayMs = 24 * 3_600_000;
/** Apple's systems refuse TLS certificates that are valid for longer. https://support.apple.com/en-us/103769 */
const validDays = 825;
const renewBeforeDays = 30;
/** Marks certificates that this file made: those of other makers are never replaced. */
const organization = 'Nakhoda';

/** The daemon's certificate. */
export interface ServerCertificate extends TlsMaterial {
  /** SHA-256 of the certificate as pairs with colons, as browsers show it. */
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly validUntil: string;
}

export interface CertificateOptions {
  /** Kept there as `cert.pem` and `key.pem`, mode 0600; made where it does not exist. */
  readonly folder: string;
  readonly now?: Date;
}

/**
 * The certificate in the folder, or a new self-signed one when there is none, or ours ends within 30 days or is not valid yet.
 * Somebody else's certificate is used as it is; `setup.failed` when it cannot be.
 */
export async function ensureCertificate({ folder, now = new Date() }: CertificateOptions): Promise<ServerCertificate> {
  const paths = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const kept = await readCertificate(paths);
  if (kept !== null && !mustRenew(kept.cert, now)) return kept;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const made = await makeCertificate(now);
  // The key first: a crash between the two leaves a pair that does not fit, which the next start replaces.
  await writeFileAtomic(paths.key, made.key, { mode: 0o600 });
  await writeFileAtomic(paths.cert, made.cert, { mode: 0o600 });
  return made;
}

/** Null where there is none, or only half of one of ours, as a crash between the two files leaves it. */
async function readCertificate(paths: { cert: string; key: string }): Promise<ServerCertificate | null> {
  const [cert, key] = await Promise.all([readIfThere(paths.cert), readIfThere(paths.key)]);
  if (cert === null || key === null) return null;
  try {
    const parsed = new X509Certificate(cert);
    if (parsed.checkPrivateKey(createPrivateKey(key))) {
      await Promise.all([chmod(paths.cert, 0o600), chmod(paths.key, 0o600)]);
      return describe(cert, key);
    }
    if (isOurs(parsed)) return null;
    throw new Error('the key belongs to another certificate');
  } catch (cause) {
    throw new NakhodaError('setup.failed', {
      message: `The certificate in ${paths.cert} cannot be used with the key in ${paths.key}: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: 'Put a PEM certificate and its own key there, or move both away to get a self-signed one.',
      cause,
    });
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function isOurs(certificate: X509Certificate): boolean {
  return certificate.subject.split('\n').includes(`O=${organization}`);
}

function mustRenew(cert: string, now: Date): boolean {
  const parsed = new X509Certificate(cert);
  const isEnding = new Date(parsed.validTo).getTime() - now.getTime() < renewBeforeDays * dayMs;
  // It was made while the host's clock was ahead, and browsers refuse it.
  const isEarly = new Date(parsed.validFrom).getTime() > now.getTime();
  return isOurs(parsed) && (isEnding || isEarly);
}

async function makeCertificate(now: Date): Promise<ServerCertificate> {
  // Loaded only here: it is needed once in two years and takes a tenth of a second to load.
  const { generate } = await import('selfsigned');
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter((entry) => !isLinkLocal(entry.address)).map((entry) => entry.address),
  );
  const names = [...new Set([hostname(), 'localhost'])];
  const made = await generate(
    [
      { name: 'commonName', value: hostname() },
      { name: 'organizationName', value: organization },
    ],
    {
      keyType: 'ec',
      curve: 'P-256',
      algorithm: 'sha256',
      // Clocks of other machines may be behind.
      notBeforeDate: new Date(now.getTime() - dayMs),
      notAfterDate: new Date(now.getTime() + (validDays - 1) * dayMs),
      extensions: [
        { name: 'basicConstraints', cA: false, critical: true },
        { name: 'keyUsage', digitalSignature: true, critical: true },
        { name: 'extKeyUsage', serverAuth: true },
        {
          name: 'subjectAltName',
          altNames: [
            ...names.map((value) => ({ type: 2 as const, value })),
            ...[...new Set(['127.0.0.1', '::1', ...addresses])].map((ip) => ({ type: 7 as const, ip })),
          ],
        },
      ],
    },
  );
  return describe(made.cert, made.private);
}

function describe(cert: string, key: string): ServerCertificate {
  const parsed = new X509Certificate(cert);
  return { cert, key, fingerprint: parsed.fingerprint256, validUntil: new Date(parsed.validTo).toISOString() };
}

/** Link-local addresses need a zone, which a certificate cannot name. */
function isLinkLocal(address: string): boolean {
  return address.toLowerCase().startsWith('fe80:') || address.startsWith('169.254.');
}
