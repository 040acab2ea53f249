// What is being drawn: live cards that end as pictures or as an explanation. The server draws the cards, also after a reload.
import { part, post, tellRefusal } from "../common/api.js";
import { on } from "../common/socket.js";
import { t } from "../common/text.js";
import { announce } from "../common/toast.js";
import * as gallery from "./gallery.js";

const OPEN = ["queued", "running"];
const SILENT = 4000; // milliseconds without a word after which a card is asked about
const DISMISSED = "dismissed-jobs";

const list = document.getElementById("jobs");
const card = (id) => list.querySelector(`[data-job="${CSS.escape(id)}"]`);
const over = new Set(); // ended: a list that was on its way does not bring them back
const dismissed = () => JSON.parse(sessionStorage.getItem(DISMISSED) ?? "[]");
let heard = Date.now();

export function start() {
  for (const id of dismissed()) card(id)?.remove();
  on("image:job", (_event, data) => moved(data));
  on("open", ({ again }) => again && refresh().then(gallery.refresh));
  setInterval(() => {
    const open = OPEN.some((state) => list.querySelector(`[data-state="${state}"]`));
    if (open && Date.now() - heard > SILENT) refresh();
  }, SILENT / 2);
  list.addEventListener("click", (event) => {
    const item = event.target.closest(".job");
    actions[event.target.closest("[data-action]")?.dataset.action]?.(item);
  });
}

/** A job was just made. */
export async function show(id) {
  await refresh();
  card(id)?.scrollIntoView({ block: "nearest" });
}

let refreshing;
let again = false;

/** The cards as the server has them; several calls at once become one more round. */
export function refresh() {
  again = Boolean(refreshing);
  refreshing ??= merge().finally(() => {
    refreshing = undefined;
    if (again) return refresh();
  });
  return refreshing;
}

async function merge() {
  const html = await part(list.dataset.url).catch(() => undefined);
  heard = Date.now();
  if (html === undefined) return; // the next event, or look, asks again
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const hidden = dismissed();
  const items = [...fresh.content.querySelectorAll(".job")].filter(
    ({ dataset: { job } }) => !hidden.includes(job) && !over.has(job),
  );
  const gone = [...list.querySelectorAll(".job")].filter(
    (item) => !items.some(({ dataset: { job } }) => job === item.dataset.job),
  );
  let above;
  for (const item of items) {
    const shown = card(item.dataset.job);
    const current = shown && OPEN.includes(item.dataset.state) ? update(shown, item) : item;
    if (shown && current !== shown) shown.remove();
    const next = above ? above.nextElementSibling : list.firstElementChild;
    if (next !== current) above ? above.after(current) : list.prepend(current);
    above = current;
  }
  for (const item of gone) item.remove();
  if (gone.some((item) => OPEN.includes(item.dataset.state))) await gallery.refresh();
}

/** The same card with newer words: its preview and the focus in it stay. */
function update(shown, fresh) {
  shown.dataset.state = fresh.dataset.state;
  const bar = fresh.querySelector("progress");
  if (!bar.hasAttribute("value") && shown.querySelector("progress").hasAttribute("value")) return shown;
  shown.querySelector("[data-part='words']").textContent = fresh.querySelector("[data-part='words']").textContent;
  if (bar.hasAttribute("value")) shown.querySelector("progress").value = bar.value;
  return shown;
}

function moved(data) {
  heard = Date.now();
  const item = card(data.id);
  if (!OPEN.includes(data.state)) return ended(data, item);
  if (!item) return over.has(data.id) ? undefined : refresh();
  item.dataset.state = data.state;
  const words = [t("drawing")];
  if (data.queue) words.push(t("queue", { n: data.queue }));
  if (data.total) words.push(t("steps", { step: data.step ?? 0, total: data.total }));
  if (data.fraction !== undefined) {
    const percent = Math.round(100 * data.fraction);
    words.push(t("percent", { n: percent }));
    item.querySelector("progress").value = percent;
  }
  item.querySelector("[data-part='words']").textContent = words.join(" · ");
  if (data.preview) {
    const preview = item.querySelector(".job-preview");
    preview.src = data.preview;
    preview.hidden = false;
  }
}

async function ended(data, item) {
  if (data.state === "failed") {
    await refresh();
    return announce(t("failed", { prompt: data.prompt }));
  }
  over.add(data.id);
  const focused = item?.contains(document.activeElement);
  if (data.state === "succeeded") await gallery.refresh();
  item?.remove();
  if (focused) document.getElementById("prompt")?.focus();
  announce(data.state === "succeeded" ? t("finished", { prompt: data.prompt }) : t("cancelled"));
}

const actions = {
  async "cancel-job"(item) {
    item.querySelector(".job-cancel").disabled = true;
    await post(`/api/v1/images/jobs/${item.dataset.job}/cancel`).catch(tellRefusal);
    await refresh();
  },
  async "retry-job"(item) {
    const job = await post(`/api/v1/images/jobs/${item.dataset.job}/retry`).catch(tellRefusal);
    if (!job) return;
    dismiss(item);
    await show(job.id);
    card(job.id)?.querySelector(".job-cancel")?.focus();
  },
  "dismiss-job": (item) => {
    dismiss(item);
    document.getElementById("prompt")?.focus();
  },
};

function dismiss(item) {
  sessionStorage.setItem(DISMISSED, JSON.stringify([...dismissed(), item.dataset.job].slice(-50)));
  item.remove();
}
