import assert from 'node:assert/strict';
import { test } from 'node:test';

import { xauthority, xvfbArgs } from './display.ts';

test('the cookie file has the form that libXau reads', () => {
  const cookie = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
  const name = Buffer.from('MIT-MAGIC-COOKIE-1').toString('hex');
  // Family FFFF (wild), no address, no number, then name and data, each with its length.
  assert.equal(Buffer.from(xauthority(cookie)).toString('hex'), `ffff000000000012${name}0010${cookie.toString('hex')}`);
});

test('the display listens on neither TCP nor a file, and wants the cookie', () => {
  const args = xvfbArgs('/srv/run/100/xauthority').join(' ');
  assert.match(args, /-nolisten tcp -nolisten unix/);
  assert.match(args, /-auth \/srv\/run\/100\/xauthority/);
});
