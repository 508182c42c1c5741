import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sha512Crypt } from './sha512-crypt.ts';

// Recorded from `openssl passwd -6 -salt SALT PASSWORD` (OpenSSL 3.0.19).
const known: [string, string, string][] = [
  ['Hello world!', 'saltstring', '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1'],
  ['a', 'Nk.2026/x', '$6$Nk.2026/x$EbMUNDBCRIS5bC2MD4O/clht4aqqZvpi.zeHt1V9/ik5T6UdMbCZSDs7wQhEkTEcYDrelPfcOIJnAtQYLTWim.'],
  ['kata sandi ꦤ 🚢', 'Nk.2026/x', '$6$Nk.2026/x$oiRdxwT9DLHCGz3Ad/JayHx9WrgKIHRUvRTHtITwwYLGnYysbpTzwmBUkQ51a2HcQq47f7taTd1gh7pIfYsbW0'],
  [
    'x'.repeat(130),
    '0123456789abcdef',
    '$6$0123456789abcdef$aMqNf.eV1.F/kHG/PEL81Pb27I7rzRTDeKdTlYCjj3airFUvYUi1V5OMp2naCZ9mb51oc5cCLILVi/.dIJETu1',
  ],
];

test('hashes that others make, too', () => {
  for (const [password, salt, hash] of known) assert.equal(sha512Crypt(password, salt), hash);
});

test('a salt that is none is refused', () => {
  for (const salt of ['', '$', 'x'.repeat(17), 'a b']) assert.throws(() => sha512Crypt('x', salt), /salt/);
});
