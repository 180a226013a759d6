import { expect, test } from 'vitest';
import { FLAGS, type FlagType, SECTIONS, variableOf } from '../../src/cli/flag-table.ts';
import { parseValue } from '../../src/cli/flag-value.ts';
import { parseUrl, parseUrls } from '../../src/cli/url.ts';

test.each<[FlagType, string, unknown]>([
  ['string', 'any text', 'any text'],
  ['string', '', ''],
  ['boolean', 'T', true],
  ['boolean', '0', false],
  ['integer', '-5', -5],
  ['integer', '+5', 5],
  ['integer', '0x1F', 31],
  ['integer', '0b101', 5],
  ['integer', '017', 15],
  ['integer', '0o17', 15],
  ['integer', '1_000', 1000],
  ['integer', '-0', 0],
  ['integer', '-9223372036854775808', -Number.MAX_SAFE_INTEGER],
  ['unsigned', '18446744073709551615', Number.MAX_SAFE_INTEGER],
  ['unsigned32', '4294967295', 4294967295],
  ['duration', '1m30s', 90_000],
  ['duration', '0', 0],
  ['list', 'a, b', ['a', 'b']],
  ['list', '', []],
])('%s: %j is read', (type, text, value) => {
  expect(parseValue({ type }, text)).toEqual(value);
});

test.each<[FlagType, string, string]>([
  ['boolean', 'yes', 'parse error'],
  ['boolean', '', 'parse error'],
  ['boolean', 'toString', 'parse error'],
  ['integer', '5x', 'parse error'],
  ['integer', '', 'parse error'],
  ['integer', '09', 'parse error'],
  ['integer', '1.5', 'parse error'],
  ['integer', '9223372036854775808', 'value out of range'],
  ['unsigned', '-1', 'parse error'],
  ['unsigned', '+1', 'parse error'],
  ['unsigned', '18446744073709551616', 'value out of range'],
  ['unsigned32', '4294967296', 'value out of range'],
  ['duration', '5', 'parse error'],
  ['duration', '5 s', 'parse error'],
])('%s: %j is refused', (type, text, problem) => {
  expect(() => parseValue({ type }, text)).toThrow(problem);
});

test('a choice takes its choices only', () => {
  const flag = { type: 'string' as const, choices: ['new', 'existing'] };
  expect(parseValue(flag, 'existing')).toBe('existing');
  expect(() => parseValue(flag, 'old')).toThrow('invalid value');
});

test.each([
  ['http://127.0.0.1:2379', { scheme: 'http', host: '127.0.0.1', port: 2379 }],
  [' https://etcd.example.org:443 ', { scheme: 'https', host: 'etcd.example.org', port: 443 }],
  ['http://[::1]:1', { scheme: 'http', host: '::1', port: 1 }],
  ['http://:1', { scheme: 'http', host: '', port: 1 }],
  ['unix:///run/x', { scheme: 'unix', host: '/run/x', port: 0 }],
])('URL %s', (text, url) => {
  expect(parseUrl(text)).toEqual({ text: text.trim(), ...url });
});

/** The texts are those of etcd 3.4.23. */
test.each([
  ['foo', 'URL scheme must be http, https, unix, or unixs: foo'],
  ['ftp://a:1', 'URL scheme must be http, https, unix, or unixs: ftp://a:1'],
  ['', 'URL scheme must be http, https, unix, or unixs: '],
  ['http://127.0.0.1', 'URL address does not have the form "host:port": http://127.0.0.1'],
  ['http://127.0.0.1:', 'URL address does not have the form "host:port": http://127.0.0.1:'],
  ['http://127.0.0.1:70000', 'URL address does not have the form "host:port": http://127.0.0.1:70000'],
  ['http://::1:1', 'URL address does not have the form "host:port": http://::1:1'],
  ['http://127.0.0.1:1/x', 'URL must not contain a path: http://127.0.0.1:1/x'],
])('bad URL %s', (text, problem) => {
  expect(() => parseUrl(text)).toThrow(problem);
});

test('a list of URLs is in order and has each once', () => {
  expect(parseUrls('http://b:1,http://a:1,http://b:1').map(({ text }) => text)).toEqual(['http://a:1', 'http://b:1']);
  expect(parseUrls('')).toEqual([]);
});

test('the table: each flag once, with a default that it takes itself, a variable and a help', () => {
  const listed = SECTIONS.flatMap(({ flags }) => flags);
  expect(new Set(listed.map(({ name }) => name)).size).toBe(listed.length);
  // 111 of etcd's, and --wire.
  expect(listed.length).toBe(112);
  for (const flag of listed) {
    expect(flag.name, flag.name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(() => parseValue(flag, flag.initial), flag.name).not.toThrow();
    expect(flag.help, flag.name).toMatch(/\.$/);
  }
  expect(new Set(Array.from(FLAGS.keys(), variableOf)).size).toBe(FLAGS.size);
  expect(variableOf('listen-client-urls')).toBe('ETCD_LISTEN_CLIENT_URLS');
});
