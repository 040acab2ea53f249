// What is being drawn: live cards that end as pictures or as an explanation. The server draws the cards, also after a
// reload.
import { part, post, tellRefusal } from "../common/api.js";
import * as budget from "../common/budget.js";
import { all, byId, child, closest, find, fragment, partOf } from "../common/dom.js";
import { inRounds } from "../common/rounds.js";
import { on, onOpen } from "../common/socket.js";
import { t } from "../common/text.js";
import { announce } from "../common/toast.js";
import * as gallery from "./gallery.js";

const OPEN = ["queued", "running"];
const SILENT = 4000; // milliseconds without an event after which a card is asked about
const DISMISSED = "dismissed-jobs"; // by hand
const SEEN = "seen-failures"; // in an earlier visit: whoever comes back from elsewhere has read them

const list = byId("jobs");
/** @param {string} id */
const card = (id) => find(`[data-job="${CSS.escape(id)}"]`, list);
/** @param {HTMLElement} card */
const idOf = ({ dataset }) => dataset.job ?? "";
/** @param {HTMLElement} card */
const isOpen = ({ dataset }) => OPEN.includes(dataset.state ?? "");
const ended = new Set(); // a list that was on its way does not bring these back
/**
 * @param {string} name
 * @returns {string[]} ids of jobs
 */
const storedIds = (name) => JSON.parse(localStorage.getItem(name) ?? "[]");
/**
 * @param {string} name
 * @param {string[]} ids
 */
const keep = (name, ids) =>
  localStorage.setItem(name, JSON.stringify([...new Set([...storedIds(name), ...ids])].slice(-50)));
/** @type {string[]} */
let hidden = []; // failures that are not shown
const focusPrompt = () => document.getElementById("prompt")?.focus();
let lastHeard = Date.now();

export function start() {
  hidden = [...storedIds(DISMISSED), ...(isSameVisit() ? [] : storedIds(SEEN))];
  addEventListener("pagehide", () => keep(SEEN, all(".job-failed", list).map(idOf)));
  refresh();
  on("image:job", (_event, data) => moved(data));
  onOpen(({ again }) => again && refresh().then(gallery.refresh));
  setInterval(() => {
    if (all(".job", list).some(isOpen) && Date.now() - lastHeard > SILENT) refresh();
  }, SILENT / 2);
  list.addEventListener("click", (event) => {
    const item = closest(event, ".job");
    if (item) actions[closest(event, "[data-action]")?.dataset.action ?? ""]?.(item);
  });
}

/** Whether this page was loaded anew, and nobody comes from elsewhere. */
function isSameVisit() {
  const [loaded] = performance.getEntriesByType("navigation");
  if (loaded instanceof PerformanceNavigationTiming && loaded.type === "reload") return true;
  const from = window.navigation?.activation?.from?.url; // browsers that do not say are told by a reload alone
  return Boolean(from && new URL(from).pathname.startsWith("/images"));
}

/**
 * A job was just made.
 * @param {string} id
 */
export async function show(id) {
  await refresh();
  card(id)?.scrollIntoView({ block: "nearest" });
}

/** The cards as the server has them. */
export const refresh = inRounds(merge);

async function merge() {
  const html = await part(list.dataset.url ?? "").catch(() => undefined);
  lastHeard = Date.now();
  if (html === undefined) return; // the next event, or look, asks again
  const items = all(".job", fragment(html)).filter((item) => !hidden.includes(idOf(item)) && !ended.has(idOf(item)));
  const gone = all(".job", list).filter((item) => !items.some((other) => idOf(other) === idOf(item)));
  /** @type {HTMLElement | undefined} */
  let above;
  for (const item of items) {
    const shown = card(idOf(item));
    const current = shown && isOpen(item) ? update(shown, item) : item;
    if (shown && current !== shown) shown.remove();
    const next = above ? above.nextElementSibling : list.firstElementChild;
    if (next !== current) above ? above.after(current) : list.prepend(current);
    above = current;
  }
  for (const item of gone) item.remove();
  if (gone.some(isOpen)) await gallery.refresh();
}

/** @param {HTMLElement} item */
const barOf = (item) => child(item, "progress", HTMLProgressElement);

/**
 * The same card with newer words: its preview and the focus in it stay.
 * @param {HTMLElement} shown
 * @param {HTMLElement} fresh
 */
function update(shown, fresh) {
  shown.dataset.state = fresh.dataset.state;
  const isMeasured = barOf(fresh).hasAttribute("value");
  if (!isMeasured && barOf(shown).hasAttribute("value")) return shown;
  partOf(shown, "words").textContent = partOf(fresh, "words").textContent;
  if (isMeasured) barOf(shown).value = barOf(fresh).value;
  return shown;
}

/** @param {Partial<JobEvent>} data */
function moved(data) {
  const { id = "", state = "", queue, step = 0, total, fraction, preview } = data;
  lastHeard = Date.now();
  const item = card(id);
  if (!OPEN.includes(state)) return end(data, item);
  if (!item) return ended.has(id) ? undefined : refresh();
  item.dataset.state = state;
  const words = [t("drawing")];
  if (queue) words.push(t("queue", { n: queue }));
  if (total) words.push(t("steps", { step, total }));
  if (fraction !== undefined) {
    const percent = Math.round(100 * fraction);
    words.push(t("percent", { n: percent }));
    barOf(item).value = percent;
  }
  partOf(item, "words").textContent = words.join(" · ");
  if (preview) Object.assign(child(item, ".job-preview"), { src: preview, hidden: false });
}

/**
 * @param {Partial<JobEvent>} data
 * @param {HTMLElement | null} item
 */
async function end({ id, state, prompt }, item) {
  budget.look();
  if (state === "failed") {
    await refresh();
    return announce(t("failed", { prompt }));
  }
  ended.add(id);
  const hasFocus = item?.contains(document.activeElement);
  if (state === "succeeded") await gallery.refresh();
  item?.remove();
  if (hasFocus) focusPrompt();
  announce(state === "succeeded" ? t("finished", { prompt }) : t("cancelled"));
}

/** @type {Record<string, (item: HTMLElement) => unknown>} */
const actions = {
  async "cancel-job"(item) {
    child(item, ".job-cancel").setAttribute("disabled", "");
    await post(`/api/v1/images/jobs/${idOf(item)}/cancel`).catch(tellRefusal);
    await refresh();
  },
  async "retry-job"(item) {
    const job = await post(`/api/v1/images/jobs/${idOf(item)}/retry`).catch(tellRefusal);
    if (!job) return;
    dismiss(item);
    await show(job.id);
    find(".job-cancel", card(job.id) ?? list)?.focus();
  },
  "dismiss-job"(item) {
    dismiss(item);
    focusPrompt();
  },
};

/** @param {HTMLElement} item */
function dismiss(item) {
  keep(DISMISSED, [idOf(item)]);
  hidden.push(idOf(item));
  item.remove();
}
