import { expect, test } from 'vitest';
import { keyOfStanza, type Package, parsePackages } from '../../../cluster/demo/packages.ts';

async function parse(pieces: readonly string[]): Promise<readonly Package[]> {
  async function* text(): AsyncGenerator<string, void, undefined> {
    yield* pieces;
  }
  const found: Package[] = [];
  for await (const one of parsePackages(text())) found.push(one);
  return found;
}

const A = 'Package: 0ad\nVersion: 0.0.26-3\nTag: game::strategy,\n uitoolkit::sdl\nSection: games\nPriority: optional';
const B = 'Package: zlib1g\nSection: libs';
const C = 'Section: contrib/net\nPackage: b43-fwcutter';

test('a stanza gives its section and its name', () => {
  expect(keyOfStanza(A)).toBe('/debian/games/0ad');
  expect(keyOfStanza(C)).toBe('/debian/contrib/net/b43-fwcutter');
  expect(keyOfStanza('Package: x')).toBe('/debian/none/x');
  expect(keyOfStanza('Section: libs\n Package: not a field\nX-Package: no')).toBeUndefined();
});

test('text is divided at empty lines, wherever its pieces end', async () => {
  const text = `${A}\n\n${B}\n\n${C}\n\n`;
  const whole = await parse([text]);
  expect(whole.map(({ key }) => key)).toEqual([
    '/debian/games/0ad',
    '/debian/libs/zlib1g',
    '/debian/contrib/net/b43-fwcutter',
  ]);
  expect(whole[0]?.stanza).toBe(A);
  for (let size = 1; size < 40; size++) {
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
      text.slice(i * size, (i + 1) * size),
    );
    expect(await parse(pieces)).toEqual(whole);
  }
});

test('the last stanza need not be followed by an empty line, and empty ones are nothing', async () => {
  expect((await parse([`\n\n${A}\n\n\n${B}`])).map(({ key }) => key)).toEqual([
    '/debian/games/0ad',
    '/debian/libs/zlib1g',
  ]);
  expect(await parse([''])).toEqual([]);
});

test('a package that comes twice is told twice', async () => {
  expect((await parse([`${B}\n\n${B}\nVersion: 2\n\n`])).map(({ key }) => key)).toEqual([
    '/debian/libs/zlib1g',
    '/debian/libs/zlib1g',
  ]);
});

test('what has no end is refused', async () => {
  await expect(parse(['x'.repeat(2 * 1024 * 1024)])).rejects.toThrow('no package index');
});
