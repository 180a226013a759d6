/** A file system with little room, for tests that run it full. Mounting one takes root's rights. */

import { spawnSync } from 'node:child_process';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTemporaryDirectory, removeDirectory } from './temporary-directory.ts';

export class SmallFileSystem {
  readonly path: string;
  readonly #sizeBytes: number;

  private constructor(path: string, sizeBytes: number) {
    this.path = path;
    this.#sizeBytes = sizeBytes;
  }

  /** Undefined, with a word about it, where it may not be mounted. */
  static async mount(sizeBytes: number): Promise<SmallFileSystem | undefined> {
    const path = await makeTemporaryDirectory();
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path]);
    if (status === 0) return new SmallFileSystem(path, sizeBytes);
    console.warn(`left out, as no file system can be mounted: ${stderr?.toString().trim()}`);
    await removeDirectory(path);
    return undefined;
  }

  /** Leaves hardly more than this free, by a file that takes up the rest. */
  async leaveFree(bytes: number): Promise<void> {
    const file = join(this.path, 'ballast');
    await writeFile(file, '');
    const used = spawnSync('df', ['--block-size=1', '--output=used', this.path], { encoding: 'utf8' });
    await writeFile(file, Buffer.alloc(this.#sizeBytes - Number(used.stdout.split('\n')[1]) - bytes, 1));
  }

  async free(): Promise<void> {
    await truncate(join(this.path, 'ballast'));
  }

  async unmount(): Promise<void> {
    spawnSync('umount', ['--lazy', this.path]);
    await removeDirectory(this.path);
  }
}
