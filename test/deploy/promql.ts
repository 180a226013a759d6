/** What a PromQL expression asks for. No parser: what is no name of a metric is taken away, and the names are left. */

/** Words that stand where a name could stand. */
const WORDS = new Set('and or unless bool offset by without on ignoring group_left group_right inf nan'.split(' '));
const LABEL_LISTS = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;

/** Variables of the dashboard, in place of which an expression has something that Prometheus reads. */
export function withoutVariables(expression: string): string {
  return expression.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*');
}

/** The metrics that are named, each once. */
export function metricsIn(expression: string): string[] {
  const bare = withoutVariables(expression)
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(LABEL_LISTS, '');
  const names = [...bare.matchAll(/(?<![\w.])[a-zA-Z_:][\w:]*(?!\s*\(|\w)/g)].map(([name]) => name);
  return [...new Set(names.filter((name) => !WORDS.has(name.toLowerCase())))];
}

/** The labels that are named: in matchers, and in lists such as by (…). */
export function labelsIn(expression: string): string[] {
  const text = withoutVariables(expression);
  const matched = [...text.matchAll(/\{([^}]*)\}/g)].flatMap(([, matchers = '']) =>
    [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label),
  );
  const listed = [...text.matchAll(LABEL_LISTS)].flatMap(([, labels = '']) =>
    labels.split(',').map((one) => one.trim()),
  );
  return [...new Set([...matched, ...listed])].filter((label) => label !== '');
}
