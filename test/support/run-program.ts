/** Programs run to their end, or until they have said enough. */

import { spawn } from 'node:child_process';

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** What it reads from its standard input, which stays open if `until` is given. */
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the program, with SIGTERM, as soon as this holds of its standard output. */
  readonly until?: (stdout: string) => boolean;
}

/** A program that says nothing more for so long will say nothing more: milliseconds. */
const RUN_WITHIN_MS = 30_000;

/** Resolves when the program is gone. Rejects if it cannot be started, or has not said what is waited for. */
export function runProgram(program: string, args: readonly string[], options: RunOptions = {}): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...options.env } });
    let stdout = '';
    let stderr = '';
    let enough = options.until === undefined;
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_WITHIN_MS);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (options.until?.(stdout) === true && !enough) {
        enough = true;
        child.kill('SIGTERM');
      }
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (enough) resolve({ code, stdout, stderr });
      else reject(new Error(`${program} ${args.join(' ')} did not say what was waited for:\n${stdout}${stderr}`));
    });
    // A program that ends without reading what it is told is no error.
    child.stdin.on('error', () => {});
    child.stdin.write(options.stdin ?? '');
    if (options.until === undefined) child.stdin.end();
  });
}
