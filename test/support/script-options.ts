/** The options of a script that is run by npm: --help prints what it takes, and a wrong one is a line and that, with exit code 2. */

export function parsedOrUsage<T>(parse: () => T, usage: string): T {
  if (process.argv.includes('--help')) return ended(process.stdout, 0, usage);
  try {
    return parse();
  } catch (error) {
    return ended(process.stderr, 2, `${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}

function ended(stream: NodeJS.WriteStream, code: number, text: string): never {
  stream.write(text);
  return process.exit(code);
}
