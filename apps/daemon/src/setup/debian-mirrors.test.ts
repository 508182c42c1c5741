import assert from 'node:assert/strict';
import { test } from 'node:test';
import { debianMirrors } from './debian-mirrors.ts';

// Recorded on Debian 12 (apt 2.6.1): apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(SITE)',
// with Node's and a cloud vendor's repository added; hosts replaced by example names.
const debianHost = `Debian|Debian|http://mirror.example.org/debian
Debian|Debian|http://mirror.example.org/debian
Debian|Debian-Security|http://mirror.example.org/debian-security
. nodistro|. nodistro|https://deb.node.example/node_20.x
cloud-sdk-bookworm|cloud-sdk-bookworm|https://packages.cloud.example/apt
`;

test('picks the one site that carries Debian itself', () => {
  assert.deepEqual(debianMirrors(debianHost), ['http://mirror.example.org/debian']);
});

test('keeps several mirrors in order and drops repeats', () => {
  const two = 'Debian|Debian|https://near.example/debian\nDebian|Debian|http://far.example/d\n';
  assert.deepEqual(debianMirrors(two + two), ['https://near.example/debian', 'http://far.example/d']);
});

test('finds none on Ubuntu, whose archive does not carry Debian', () => {
  assert.deepEqual(debianMirrors('Ubuntu|Ubuntu|http://archive.example/ubuntu\n'), []);
});

test('leaves out sites that debootstrap cannot read', () => {
  const cloudImage = 'Debian|Debian|mirror+file:/etc/apt/mirrors/debian.list\n';
  assert.deepEqual(debianMirrors(cloudImage), []);
  assert.deepEqual(debianMirrors('Debian|Debian|cdrom:[Debian 12]/\n'), []);
});

test('finds none where apt has no lists yet', () => {
  assert.deepEqual(debianMirrors(''), []);
});
