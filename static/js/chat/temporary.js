// A chat that this page alone keeps: each request brings the whole conversation, the server draws its messages as it draws
// stored ones, and a reload forgets them.
import { ApiError, part, post, tellRefusal } from "../common/api.js";
import { byId, closest } from "../common/dom.js";
import { newId } from "../common/ids.js";
import { onOpen } from "../common/socket.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import * as replies from "./replies.js";
import { rules } from "./rules/panel.js";
import * as scroll from "./scroll.js";
import * as thread from "./thread.js";

const STEPS = 50; // of one answer that go into the conversation

/**
 * A message as the server takes it, with what this page has to know of it.
 * @typedef {object} Message
 * @property {string} id
 * @property {"user" | "assistant"} role
 * @property {string} content
 * @property {object[]} files
 * @property {string} created
 * @property {string} [model]
 * @property {string} [status]
 * @property {AnswerRequest} [request] of an answer: how it was asked for
 * @property {Promise<void>} [placed] of an answer: it stands in the page
 * @property {boolean} [undrawn] the server has not drawn it yet
 */

/** @type {string | undefined} */
let chatId;
/** @type {Message[]} */
let messages = [];

const keepButton = () => byId("keep-chat", HTMLButtonElement);
const ids = () => messages.map(({ id }) => id);

/** A main part was put in place: an empty chat. */
export function open() {
  chatId = thread.chatId();
  messages = [];
  update();
}

thread.setOwnChat({ send, answerAgain, edit, finish });
onOpen(() => draw(messages.filter(({ undrawn }) => undrawn)));
document.addEventListener("thread:changed", update);
document.addEventListener("click", (event) => closest(event, "#keep-chat") && keep());

const isHere = () => thread.chatId() === chatId;
const isWorthAsking = () => isHere() && messages.length > 0;
addEventListener("beforeunload", (event) => isWorthAsking() && event.preventDefault());
document.addEventListener("htmx:confirm", (event) => {
  if (!isWorthAsking() || event.detail.target.id !== "main") return;
  event.preventDefault(); // the browser itself asks, as for every way out of this page
  location.assign(event.detail.path);
});

function update() {
  if (isHere()) keepButton().disabled = !messages.length || Boolean(thread.runningId());
}

// --- Asking ------------------------------------------------------------------------------------------------------------

/** @param {MessageRequest} message */
async function send({ content, files = [], ...request }) {
  await exchange([...messages, messageOf("user", { content, files })], request);
  return {};
}

/**
 * @param {HTMLElement} article
 * @param {AnswerRequest} request
 */
function answerAgain(article, request) {
  const index = indexOf(article);
  return attempt(messages.slice(0, index), { ...messages[index].request, ...request });
}

/**
 * @param {HTMLElement} article
 * @param {AnswerRequest & { content: string }} request
 */
function edit(article, { content, ...request }) {
  const index = indexOf(article);
  const { files } = messages[index];
  const asked = [...messages.slice(0, index), messageOf("user", { content, files })];
  return attempt(asked, { ...messages[index + 1]?.request, ...request });
}

/** @param {HTMLElement} article */
const indexOf = ({ dataset }) => ids().indexOf(dataset.message ?? "");

/**
 * → whether it worked.
 * @param {Message[]} asked
 * @param {AnswerRequest} request
 */
async function attempt(asked, request) {
  try {
    await exchange(asked, request);
    return true;
  } catch (error) {
    tellRefusal(error);
    return false;
  }
}

/**
 * Let these messages be answered: from then on they, and the answer, are the conversation. Throws ApiError, changing
 * nothing.
 * @param {Message[]} asked
 * @param {AnswerRequest} request
 */
async function exchange(asked, request) {
  const before = messages;
  const answer = messageOf("assistant", { content: "", status: "pending", model: request.model, request });
  const reply = replies.expect(answer.id, chatId);
  /** @type {PromiseWithResolvers<void>} */
  const { promise: placed, resolve: markPlaced } = Promise.withResolvers();
  answer.placed = placed; // its end may be heard of sooner
  messages = [...asked, answer];
  try {
    const question = asked[asked.length - 1];
    const ours = { chat_id: chatId, id: answer.id, session_id: chatId?.replace("local:", ""), files: question.files };
    const sent = messages.filter(({ content, files }) => content.trim() || files.length).map(asSent(question));
    await post("/api/chat/completions", { ...request, ...ours, rules: rules(), messages: sent });
  } catch (error) {
    reply.failed();
    messages = before;
    throw error;
  }
  reply.begun();
  if (isHere()) thread.begun();
  await draw(messages.filter(({ id }) => !document.getElementById(`m-${id}`)));
  markPlaced();
  scroll.toEnd();
}

/**
 * @param {"user" | "assistant"} role
 * @param {Omit<Message, "id" | "role" | "created" | "files"> & { files?: object[] }} more
 * @returns {Message}
 */
const messageOf = (role, more) => ({ id: newId(), role, files: [], created: new Date().toISOString(), ...more });

/**
 * The last question's files go with the request, those before it with their messages.
 * @param {Message} question
 * @returns {(message: Message) => object}
 */
const asSent = (question) => (message) => {
  const { role, content, files } = message;
  return files.length && message !== question ? { role, content, files } : { role, content };
};

// --- Showing -----------------------------------------------------------------------------------------------------------

/**
 * A reply is over: it becomes part of the conversation, drawn by the server.
 * @param {Reply} reply
 */
async function finish({ id, content, reasoning, thoughtFor, files, steps, status, error, usage, drawn }) {
  const message = messages.find((other) => other.id === id);
  if (!message) return;
  const status_history = steps
    .filter((step, index) => step.done || steps[index + 1]?.description !== step.description)
    .slice(-STEPS);
  const reasoning_ms = thoughtFor && 1000 * thoughtFor;
  Object.assign(message, { content, reasoning, reasoning_ms, files, status_history });
  Object.assign(message, { status: status ?? "done", error, usage });
  await Promise.all([message.placed, drawn]);
  await draw([message]);
}

/**
 * What cannot be drawn now stays as it is and is drawn with the next connection.
 * @param {Message[]} wanted
 */
async function draw(wanted) {
  if (!wanted.length || !isHere()) return;
  for (const message of wanted) message.undrawn = true;
  try {
    const html = await part("/temporary/messages", { messages: wanted });
    for (const message of wanted) message.undrawn = false;
    if (isHere()) thread.put(html, ids());
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast(t("noAnswer"));
  }
}

// --- Keeping -----------------------------------------------------------------------------------------------------------

async function keep() {
  keepButton().disabled = true;
  try {
    const { chat } = await post("/api/v1/chats/keep", { messages, rules: rules() });
    messages = [];
    location.assign(chat.url);
  } catch (error) {
    tellRefusal(error);
    update();
  }
}
