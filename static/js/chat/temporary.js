// A chat that this page alone keeps: each request brings the whole conversation, the server draws its messages as it draws
// stored ones, and a reload forgets them.
import { ApiError, part, post, tellRefusal } from "../common/api.js";
import { on } from "../common/socket.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import * as replies from "./replies.js";
import * as scroll from "./scroll.js";
import * as thread from "./thread.js";

const STEPS = 50; // of one answer that are kept
let chatId;
let turns = []; // as the server takes them: { id, role, content, files, model, status, … }

const keepButton = () => document.getElementById("keep-chat");
const ids = () => turns.map(({ id }) => id);
const newId = () =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
    (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16),
  ); // crypto.randomUUID is not there without TLS

/** A main part was put in place: an empty chat. */
export function open() {
  chatId = thread.chatId();
  turns = [];
  update();
}

thread.setOwnChat({ ask, answerAgain, edit, finish });
on("open", () => draw(turns.filter((turn) => turn.undrawn)));
document.addEventListener("thread:changed", update);
document.addEventListener("click", ({ target }) => target.closest("#keep-chat") && keep());

const isHere = () => thread.chatId() === chatId;
const isWorthAsking = () => isHere() && turns.length > 0;
addEventListener("beforeunload", (event) => isWorthAsking() && event.preventDefault());
document.addEventListener("htmx:confirm", (event) => {
  if (!isWorthAsking() || event.detail.target.id !== "main") return;
  event.preventDefault(); // the browser itself asks, as for every way out of this page
  location.assign(event.detail.path);
});

function update() {
  if (isHere()) keepButton().disabled = !turns.length || Boolean(thread.runningId());
}

// --- Asking ------------------------------------------------------------------------------------------------------------

function ask({ content, files = [], ...wish }) {
  return exchange([...turns, turnOf("user", { content, files })], wish);
}

function answerAgain(message, wish) {
  const at = ids().indexOf(message.dataset.message);
  return attempt(turns.slice(0, at), { ...turns[at].wish, ...wish });
}

function edit(message, { content, ...wish }) {
  const at = ids().indexOf(message.dataset.message);
  const { files } = turns[at];
  return attempt([...turns.slice(0, at), turnOf("user", { content, files })], { ...turns[at + 1]?.wish, ...wish });
}

/** → whether it worked. */
async function attempt(...args) {
  try {
    await exchange(...args);
    return true;
  } catch (error) {
    tellRefusal(error);
    return false;
  }
}

/** Let these turns be answered: from then on they, and the answer, are the conversation. Throws ApiError, changing nothing. */
async function exchange(asked, wish) {
  const before = turns;
  const answer = turnOf("assistant", { content: "", status: "pending", model: wish.model, wish });
  const reply = replies.expect(answer.id, chatId);
  let place;
  answer.placed = new Promise((resolve) => (place = resolve)); // its end may be told sooner
  turns = [...asked, answer];
  try {
    const [question, session_id] = [asked.at(-1), chatId.replace("local:", "")];
    const body = { ...wish, chat_id: chatId, id: answer.id, session_id, files: question.files };
    await post("/api/chat/completions", { ...body, messages: turns.filter(isSaid).map(asMessage(question)) });
  } catch (error) {
    reply.failed();
    turns = before;
    throw error;
  }
  reply.begun();
  if (isHere()) document.getElementById("welcome")?.remove();
  await draw(turns.filter(({ id }) => !document.getElementById(`m-${id}`)));
  place();
  scroll.toEnd();
  return {};
}

const turnOf = (role, more) => ({ id: newId(), role, files: [], created: new Date().toISOString(), ...more });
const isSaid = ({ content, files }) => content.trim() || files.length;

/** The last question's files go with the request, those before it with their messages. */
const asMessage = (question) => (turn) => {
  const { role, content, files } = turn;
  return files.length && turn !== question ? { role, content, files } : { role, content };
};

// --- Showing -----------------------------------------------------------------------------------------------------------

/** A reply is over: it becomes part of the conversation, drawn by the server. */
async function finish({ id, content, reasoning, thoughtFor, files, steps, status, error, usage, drawn }) {
  const turn = turns.find((one) => one.id === id);
  if (!turn) return;
  const last = (step, at) => step.done || steps[at + 1]?.description !== step.description;
  const status_history = steps.filter(last).slice(-STEPS);
  const reasoning_ms = thoughtFor && 1000 * thoughtFor;
  Object.assign(turn, {
    content,
    reasoning,
    reasoning_ms,
    files,
    status: status ?? "done",
    error,
    usage,
    status_history,
  });
  await Promise.all([turn.placed, drawn]);
  await draw([turn]);
}

/** What cannot be drawn now stays as it is and is drawn with the next connection. */
async function draw(wanted) {
  if (!wanted.length || !isHere()) return;
  for (const turn of wanted) turn.undrawn = true;
  try {
    const html = await part("/temporary/messages", { messages: wanted });
    for (const turn of wanted) turn.undrawn = false;
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
    const { chat } = await post("/api/v1/chats/keep", { messages: turns });
    turns = [];
    location.assign(chat.url);
  } catch (error) {
    tellRefusal(error);
    update();
  }
}
