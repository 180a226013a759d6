/** What every disk must do. Run on the real one and on its twin. */

import { expect, test } from 'vitest';
import { type Disk, errorCode } from '../../src/storage/index.ts';

export interface DiskUnderTest {
  readonly disk: Disk;
  /** A directory that is there, empty and of no use to anyone else. */
  readonly directory: string;
  readonly dispose: () => Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return 'it went well';
  } catch (error) {
    return errorCode(error);
  }
}

async function content(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path);
  const into = new Uint8Array((await file.sizeBytes()) + 10);
  const length = await file.read(into, 0);
  await file.close();
  return new TextDecoder().decode(into.subarray(0, length));
}

export function diskSuite(name: string, make: () => Promise<DiskUnderTest>): void {
  const withDisk = (what: string, run: (disk: Disk, directory: string) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const { disk, directory, dispose } = await make();
      try {
        await run(disk, directory);
      } finally {
        await dispose();
      }
    });
  };

  withDisk('what is written is read, at any position', async (disk, directory) => {
    const file = await disk.create(`${directory}/a`);
    file.write(bytes('hello'), 0);
    file.write(bytes('world'), 8);
    file.write(bytes('J'), 0);
    await file.sync();
    expect(await file.sizeBytes()).toBe(13);
    await file.close();
    expect(await content(disk, `${directory}/a`)).toBe('Jello\0\0\0world');
  });

  withDisk('a read stops at the end of the file', async (disk, directory) => {
    const file = await disk.create(`${directory}/a`);
    file.write(bytes('hello'), 0);
    const into = new Uint8Array(10);
    expect(await file.read(into, 3)).toBe(2);
    expect(into.subarray(0, 3)).toEqual(Uint8Array.of(0x6c, 0x6f, 0));
    expect(await file.read(into, 5)).toBe(0);
    expect(await file.read(into, 50)).toBe(0);
    await file.close();
  });

  withDisk('truncating shortens, and lengthens with zeros', async (disk, directory) => {
    const file = await disk.create(`${directory}/a`);
    file.write(bytes('hello'), 0);
    await file.truncate(2);
    expect(await file.sizeBytes()).toBe(2);
    await file.truncate(4);
    await file.sync();
    await file.close();
    expect(await content(disk, `${directory}/a`)).toBe('he\0\0');
  });

  withDisk('create refuses a name that is taken, open one that is not', async (disk, directory) => {
    const file = await disk.create(`${directory}/a`);
    await file.close();
    expect(await codeOf(disk.create(`${directory}/a`))).toBe('EEXIST');
    expect(await codeOf(disk.open(`${directory}/b`))).toBe('ENOENT');
    expect(await codeOf(disk.remove(`${directory}/b`))).toBe('ENOENT');
    expect(await codeOf(disk.rename(`${directory}/b`, `${directory}/c`))).toBe('ENOENT');
    expect(await codeOf(disk.list(`${directory}/none`))).toBe('ENOENT');
  });

  withDisk('names are listed in order, renamed over others and removed', async (disk, directory) => {
    for (const name of ['c', 'a', 'b']) {
      const file = await disk.create(`${directory}/${name}`);
      file.write(bytes(name), 0);
      await file.close();
    }
    expect(await disk.list(directory)).toEqual(['a', 'b', 'c']);
    await disk.rename(`${directory}/c`, `${directory}/a`);
    await disk.remove(`${directory}/b`);
    await disk.syncDirectory(directory);
    expect(await disk.list(directory)).toEqual(['a']);
    expect(await content(disk, `${directory}/a`)).toBe('c');
  });

  withDisk('a file that was opened before it was renamed is still that file', async (disk, directory) => {
    const file = await disk.create(`${directory}/a`);
    await disk.rename(`${directory}/a`, `${directory}/b`);
    file.write(bytes('x'), 0);
    await file.sync();
    await file.close();
    expect(await content(disk, `${directory}/b`)).toBe('x');
  });

  withDisk('directories are made with those above them, or left as they are', async (disk, directory) => {
    await disk.makeDirectory(`${directory}/x/y`);
    const file = await disk.create(`${directory}/x/y/a`);
    await file.close();
    await disk.makeDirectory(`${directory}/x/y`);
    expect(await disk.list(`${directory}/x/y`)).toEqual(['a']);
  });
}
