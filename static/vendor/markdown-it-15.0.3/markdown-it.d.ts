// What our scripts use of markdown-it, for `tsc`; no page loads this file.
export interface Token {
  markup: string;
  type: string;
  tag: string;
  level: number;
  nesting: number;
  content: string;
  info: string;
  hidden: boolean;
  block: boolean;
  map: [number, number] | null;
  meta: { done?: boolean; number?: number; time?: number } | null; // ours
  attrs: [string, string][] | null;
  children: Token[] | null;
  attrGet(name: string): string | null;
  attrSet(name: string, value: string): void;
}
export interface Environment {
  references?: object;
  notes?: { defined: Set<string>; numbers: Map<string, number>; times: Map<string, number> }; // ours, as those below
  prefix?: string;
  asSteps?: boolean;
}
export interface CoreState {
  src: string;
  env: Environment;
  tokens: Token[];
  Token: new (type: string, tag: string, nesting: number) => Token;
}
export interface InlineState {
  md: MarkdownIt;
  env: Environment;
  src: string;
  pos: number;
  posMax: number;
  pending: string;
  linkLevel: number;
  formulaMarks?: Record<string, number[]>; // ours
  push(type: string, tag: string, nesting: number): Token;
  scanDelims(start: number, canSplitWord: boolean): { can_open: boolean; can_close: boolean; length: number };
}
export interface BlockState {
  md: MarkdownIt;
  env: Environment;
  src: string;
  line: number;
  level: number;
  blkIndent: number;
  formulaMarks?: { lines: Record<string, number[]>; failed: Record<string, [number, number]> }; // ours
  sCount: number[];
  bMarks: number[];
  eMarks: number[];
  tShift: number[];
  isEmpty(line: number): boolean;
  push(type: string, tag: string, nesting: number): Token;
}
export interface Renderer {
  rules: Record<string, RenderRule>;
  render(tokens: Token[], options: object, env: Environment): string;
  renderInlineAsText(tokens: Token[], options: object, env: Environment): string;
}
export type RenderRule = (
  tokens: Token[],
  index: number,
  options: object,
  env: Environment,
  renderer: Renderer,
) => string;
interface Link {
  url: string;
}
interface Ruler<Rule> {
  at(name: string, rule: Rule): void;
  before(name: string, added: string, rule: Rule, options?: object): void;
  push(added: string, rule: Rule): void;
}
export default class MarkdownIt {
  constructor(options: object);
  options: object;
  renderer: Renderer;
  utils: {
    escapeHtml(text: string): string;
    isWhiteSpace(code: number): boolean;
    isMdAsciiPunct(code: number): boolean;
    isPunctChar(character: string): boolean;
  };
  linkify: {
    set(options: object): void;
    match(text: string): Link[] | null;
    matchAtStart(text: string): Link | null;
    testSchemaAt(text: string, name: string, position: number): number;
  };
  core: { ruler: Ruler<(state: CoreState) => void> };
  inline: {
    ruler: Ruler<(state: InlineState, silent: boolean) => boolean>;
    State: new (...args: never[]) => InlineState;
  };
  block: {
    ruler: Ruler<(state: BlockState, start: number, end: number, silent: boolean) => boolean>;
    tokenize(state: BlockState, start: number, end: number): void;
  };
  disable(name: string): void;
  normalizeLink(url: string): string;
  normalizeLinkText(url: string): string;
  validateLink(url: string): boolean;
  parse(text: string, env: Environment): Token[];
  render(text: string, env: Environment): string;
}
