// What the scripts share with the server and with each other, for `tsc`; no page loads this file.

interface ErrorBody {
  detail?: string;
  code?: string;
  provider?: string;
  error?: { message?: string; code?: string };
}

/** A file as the API shows it. */
interface StoredFile {
  id: string;
  name: string;
  url: string;
  size: number;
  content_type: string;
}

/** A file of a message. */
interface MessageFile {
  id: string;
  url: string;
  type: string;
  name: string;
  width?: number;
  height?: number;
  provenance?: Provenance;
}

interface Provenance {
  prompt?: string;
  original_prompt?: string;
  revised_prompt?: string;
  engine?: string;
  model?: string;
  seed?: string | number;
}

/** A line of an answer's status: what happens, or happened. */
interface Step {
  description?: string;
  detail?: string;
  done?: boolean;
  error?: boolean;
  notice?: boolean;
  progress?: number;
  step?: number;
  total?: number;
  queue?: number;
  preview?: string;
  sources?: { url: string; title: string; site?: string }[];
  call?: { name: string; title: string; server: string; arguments: string; result?: string };
  approval?: { id: string; may_keep: boolean; decision?: string };
}

interface Chat {
  id: string;
  url: string;
  title: string;
}

/** An action on chats, as the API takes it. */
interface Change {
  action: string;
  ids: string[];
  folder: string | null;
}

type Features = Record<string, true | Record<string, unknown>>;

/** A chat's own rules; what is left to the model is missing. */
interface Rules {
  system_prompt?: string;
  temperature?: number;
  reasoning_effort?: string;
  max_tokens?: number;
  tools?: string[];
  [name: string]: unknown;
}

/** How a message is to be answered. */
interface AnswerRequest {
  model?: string;
  features?: Features;
  rules?: Rules; // of a chat that is not stored
  once?: boolean; // with this model this time alone
}

interface MessageRequest extends AnswerRequest {
  id?: string; // the same one sent twice makes one message
  models?: string[]; // that answer side by side, instead of `model`
  content: string;
  features: Features;
  files: StoredFile[];
}

/** A message that waits on the server. */
interface QueuedMessage extends MessageRequest {
  id: string;
  is_held: boolean;
  is_urgent: boolean;
  error: { message: string } | null;
}

/** A reply that is being written. */
interface Reply {
  id: string;
  chatId: string | undefined;
  seq: number;
  content: string;
  reasoning: string;
  steps: Step[];
  files: MessageFile[];
  waiting: boolean; // for the whole of it, after a gap
  drawing: boolean;
  lastHeard: number; // when its newest event came
  requested?: boolean; // the request for it is still under way
  missed?: boolean; // the socket was opened anew meanwhile
  thinkingSince?: number;
  thoughtFor?: number; // seconds
  shown?: number; // the newest event that was drawn
  status?: string;
  error?: object;
  usage?: object;
  drawn?: Promise<void>;
}

/** What became of a call: `GET /api/v1/receipts/{id}`. */
interface Receipt {
  usage: Record<string, number>;
  cost: number | null;
  currency: string;
}

/** What a page does that keeps its chat itself; each → whether it worked. */
interface OwnChat {
  send(message: MessageRequest): Promise<{ chat?: Chat }>;
  answerAgain(message: HTMLElement, request: AnswerRequest): Promise<boolean>;
  edit(message: HTMLElement, request: AnswerRequest & { content: string }): Promise<boolean>;
  finish(reply: Reply): Promise<void>;
}

interface SocketEvent {
  chat_id?: string;
  message_id?: string;
  seq?: number;
  data: { type: string; data?: SocketData };
}

/** What events carry, each some of it. */
interface SocketData extends Partial<JobEvent> {
  key?: string;
  gone?: boolean;
  title?: string;
  rules?: Rules;
  unread?: boolean;
  follow_ups?: string[];
  content?: string;
  reasoning?: string;
  files?: MessageFile[];
  status_history?: Step[];
  done?: boolean;
  code?: string;
  status?: string;
  error?: object;
  usage?: object;
}

interface JobEvent {
  id: string;
  state: string;
  prompt: string;
  queue: number;
  step: number;
  total: number;
  fraction: number;
  preview: string;
}

/** What is painted on a picture, in its pixels; "invert" and "clear" are about all that was painted before. */
type Stroke = { erase: boolean; width: number; points: [number, number][] } | "invert" | "clear";

interface Painted {
  strokes: Stroke[];
  mask?: Blob;
}

/** What can be drawn, by the form's own names. */
interface ImageRequest {
  prompt: string;
  original_prompt?: string;
  engine: string;
  n?: number;
  size?: string;
  shape?: string;
  model?: string;
  negative_prompt?: string;
  steps?: number;
  seed?: string;
  image?: string[];
  mask?: string;
  params?: Record<string, string | number | boolean>;
}

/** A parameter of a model's own: `ParameterSerializer`. */
interface Parameter {
  name: string;
  kind: "choice" | "number" | "flag" | "insert";
  label: string;
  help: string;
  choices: { value: string; label: string }[];
  low: number;
  high: number;
  step: number;
  for_edits: boolean | null;
  needs: { name: string; values: string[] } | null;
  insert: string;
  last: string | number | boolean | null;
}

/** What is known before a picture is drawn. */
interface Estimate {
  words: string;
  budgets: string[];
  above_limit: boolean;
}

interface Size {
  value: string;
  word: string;
  shape?: string;
  width?: number;
  height?: number;
}

/** What an engine with a model can do. */
interface Abilities {
  model: string;
  prompt_limit: number;
  most: number;
  inputs: number;
  mask: boolean;
  draws: boolean;
  standard: string;
  auto: boolean;
  own_size: boolean;
  step: string;
  groups: { name: string; usual: boolean; sizes: Size[] }[];
  negative: boolean;
  has_models: boolean;
  steps: boolean;
  seed: boolean;
  params: boolean;
}

interface Engine extends Abilities {
  id: number;
  name: string;
}

// --- Libraries that set a global name ---

interface KatexNode {
  attributes?: Record<string, string>;
  children?: KatexNode[];
}
interface Katex {
  __renderToDomTree(tex: string, options: object): KatexNode & { toNode(): HTMLElement };
}
interface SwaggerRequest {
  method?: string;
  headers: Record<string, string>;
}
interface SpeechRecognition {
  lang: string;
  interimResults: boolean;
  continuous: boolean;
  onresult: (event: { results: Iterable<[{ transcript: string }]> }) => void;
  onerror: (event: { error: string }) => void;
  onend: () => void;
  start(): void;
  stop(): void;
}
interface Window {
  SpeechRecognition?: new () => SpeechRecognition;
  webkitSpeechRecognition?: new () => SpeechRecognition;
  katex?: Katex;
  mermaid: {
    initialize(options: object): void;
    render(id: string, text: string, place: Element): Promise<{ svg: string }>;
  };
  htmx?: { process(element: Element): void };
  SwaggerUIBundle: {
    (options: object): void;
    presets: { apis: object };
  };
}
declare const DOMPurify: { sanitize(html: string, options: object): DocumentFragment };

interface HtmxEvent
  extends CustomEvent<{
    xhr: XMLHttpRequest;
    shouldSwap: boolean;
    serverResponse: string;
    target: HTMLElement;
    path: string;
    pathInfo: { requestPath: string };
  }> {
  target: HTMLElement;
}

interface DocumentEventMap {
  "chat:opened": CustomEvent<Chat>;
  "draft:sent": CustomEvent<string>;
  "htmx:afterRequest": HtmxEvent;
  "htmx:afterSwap": HtmxEvent;
  "htmx:beforeRequest": HtmxEvent;
  "htmx:beforeSwap": HtmxEvent;
  "htmx:confirm": HtmxEvent;
  "htmx:load": HtmxEvent;
  "htmx:responseError": HtmxEvent;
}
