/** How results are told. */

export { Findings } from './findings.ts';
export { table } from './table.ts';
