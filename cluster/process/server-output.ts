/** What servers of ours say, passed on to whoever looks it over (test/support/untold.ts). In everyday life nobody does. */

/** Of which process; and some text, which may begin and end anywhere. */
type Listener = (pid: number, text: string) => void;

let listener: Listener | undefined;

export function onServerOutput(listen: Listener): void {
  listener = listen;
}

/** Nothing is passed on of servers that are not ours. */
export function serverSaid(program: string, pid: number, text: () => string): void {
  if (listener !== undefined && program === process.execPath) listener(pid, text());
}
