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
  sources?: { url: string; title: string }[];
}

interface Chat {
  id: string;
  url: string;
  title: string;
}

type Features = Record<string, true | Record<string, unknown>>;

/** How a message is to be answered. */
interface AnswerRequest {
  model?: string;
  features?: Features;
}

interface MessageRequest extends AnswerRequest {
  id?: string; // the same one sent twice makes one message
  content: string;
  features: Features;
  files: StoredFile[];
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
  title?: string;
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
  engine: string;
  n?: number;
  size?: string;
  model?: string;
  negative_prompt?: string;
  steps?: number;
  seed?: string;
  image?: string[];
  mask?: string;
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
interface Window {
  katex?: Katex;
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
    target: HTMLElement;
    path: string;
    pathInfo: { requestPath: string };
  }> {
  target: HTMLElement;
}

interface DocumentEventMap {
  "chat:opened": CustomEvent<Chat>;
  "htmx:afterSwap": HtmxEvent;
  "htmx:beforeSwap": HtmxEvent;
  "htmx:confirm": HtmxEvent;
  "htmx:load": HtmxEvent;
  "htmx:responseError": HtmxEvent;
}
