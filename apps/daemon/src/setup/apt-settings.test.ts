import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aptSettings } from './apt-settings.ts';

// Recorded on Debian 12 (apt 2.6.1): apt-config dump --format '%F "%v";%n', shortened, with a
// proxy, a certificate and a per-host setting added under example names.
const dump = `APT "";
APT::Architecture "amd64";
Acquire::Changelogs::URI::Origin::Debian "https://metadata.example.org/changelogs/@CHANGEPATH@_changelog";
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
Acquire::Languages:: "none";
Acquire::http "";
Acquire::http::Proxy "http://proxy.example:3142";
Acquire::https::CaInfo "/etc/ssl/private-ca.pem";
Acquire::https::mirror.example::Verify-Peer "false";
Dir "/";
`;

test('carries over what decides how mirrors are reached, and nothing else', () => {
  const settings = aptSettings(dump);
  assert.equal(
    settings.conf,
    `Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
Acquire::http::Proxy "http://proxy.example:3142";
Acquire::https::CaInfo "/etc/ssl/private-ca.pem";
Acquire::https::mirror.example::Verify-Peer "false";
Acquire::Check-Valid-Until "false";
`,
  );
  assert.deepEqual(settings.files, ['/etc/ssl/private-ca.pem']);
  assert.equal(settings.wgetrc, 'ca_certificate = /etc/ssl/private-ca.pem\n');
});

test('uses the http proxy for https where none is named, and honours DIRECT', () => {
  const proxy = 'http://proxy.example:3142';
  assert.deepEqual(aptSettings(dump).proxies, { http_proxy: proxy, https_proxy: proxy });
  assert.deepEqual(aptSettings(`${dump}Acquire::https::Proxy "DIRECT";\n`).proxies, {
    http_proxy: proxy,
  });
});

test('a host without settings gives only the relaxed date', () => {
  assert.deepEqual(aptSettings('APT "";\n'), {
    conf: 'Acquire::Check-Valid-Until "false";\n',
    files: [],
    proxies: {},
    wgetrc: '',
  });
});
