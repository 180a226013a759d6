/**
 * One member of a local cluster: its place, its directory, and the process, if there is one. Its output goes to a log file, so
 * nothing is lost and nothing fills up when nobody reads it. Signals go to the pid that was started.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverSaid } from '../process/index.ts';
import { flagsOf, type Joining, type MemberPlace } from './layout.ts';

export type MemberState = 'running' | 'paused' | 'down';

export interface MemberOptions {
  /** The program and the arguments that come first. */
  readonly command: readonly [string, ...string[]];
  /** Further flags, the same for all members. */
  readonly flags: readonly string[];
  /** What is added to our environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Below it: the member's data and its log. */
  readonly directory: string;
  readonly joining: Joining;
  /** Told when the process ends without having been asked to. */
  readonly onDeath: (member: Member, how: string) => void;
}

/** What a member may take to stop in its own way before it is killed. */
const STOP_WITHIN_MS = 8_000;

export class Member {
  readonly place: MemberPlace;
  readonly #options: MemberOptions;
  #child: ChildProcess | undefined;
  #gone: Promise<string> = Promise.resolve('never started');
  #state: MemberState = 'down';
  #ending = false;

  constructor(place: MemberPlace, options: MemberOptions) {
    this.place = place;
    this.#options = options;
  }

  get name(): string {
    return this.place.name;
  }

  get state(): MemberState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#state === 'down' ? undefined : this.#child?.pid;
  }

  get joining(): Joining {
    return this.#options.joining;
  }

  get dataDir(): string {
    return join(this.#options.directory, this.name);
  }

  get logFile(): string {
    return join(this.#options.directory, `${this.name}.log`);
  }

  /**
   * Starts the process; `env` is for this life of it only. Resolves when it runs, which is before it answers. Rejects if the
   * program cannot be started.
   */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.#state !== 'down') throw new Error(`${this.name} is ${this.#state} already`);
    await mkdir(this.#options.directory, { recursive: true });
    const [program, ...first] = this.#options.command;
    const flags = [...flagsOf(this.place, this.dataDir, this.#options.joining), ...this.#options.flags];
    const log = openSync(this.logFile, 'a');
    const begun = fstatSync(log).size;
    // A group of its own: Ctrl-C is for us, who then stop the members in good order.
    const child = spawn(program, [...first, ...flags], {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, ...this.#options.env, ...env },
    });
    closeSync(log);
    const { pid } = child;
    if (pid === undefined) {
      const [error] = (await once(child, 'error')) as [Error];
      throw new Error(`${program} could not be started: ${error.message}`, { cause: error });
    }
    this.#child = child;
    this.#state = 'running';
    this.#ending = false;
    const killWithUs = (): void => void child.kill('SIGKILL');
    process.on('exit', killWithUs);
    this.#gone = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        process.off('exit', killWithUs);
        this.#state = 'down';
        const how = signal ?? `exit code ${code}`;
        serverSaid(program, pid, () => this.#logFrom(begun));
        if (!this.#ending) this.#options.onDeath(this, how);
        resolve(how);
      });
    });
  }

  /** From here on its end is no surprise. */
  expectEnd(): void {
    this.#ending = true;
  }

  /** SIGKILL. Resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM, and SIGKILL if that takes too long. Resolves when the process is gone. */
  async stop(): Promise<void> {
    if (this.#state === 'paused') this.resume();
    const stopped = this.#end('SIGTERM');
    const patience = new AbortController();
    const late = sleep(STOP_WITHIN_MS, 'late' as const, { signal: patience.signal }).catch(() => 'stopped' as const);
    if ((await Promise.race([stopped, late])) === 'late') await this.#end('SIGKILL');
    patience.abort();
  }

  /** SIGSTOP: the process is there and its connections stand, but it does nothing. */
  pause(): void {
    if (this.#state !== 'running') throw new Error(`${this.name} is ${this.#state}`);
    this.#child?.kill('SIGSTOP');
    this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') throw new Error(`${this.name} is ${this.#state}`);
    this.#child?.kill('SIGCONT');
    this.#state = 'running';
  }

  /** Removes its data and its log. */
  async forget(): Promise<void> {
    await rm(this.dataDir, { recursive: true, force: true });
    await rm(this.logFile, { force: true });
  }

  /** Empty if it has been removed already. */
  #logFrom(begun: number): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile).toString('utf8', begun) : '';
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#ending = true;
    if (this.#state !== 'down') this.#child?.kill(signal);
    await this.#gone;
  }
}
