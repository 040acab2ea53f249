// The person's pictures: filters, more of them as one scrolls, and what is new at the head.
import { part } from "../common/api.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";

const list = document.getElementById("gallery");
const filters = document.getElementById("filters");
const tabs = new BroadcastChannel("pictures"); // what one tab deletes is gone in the others; no id: something came back
const tiles = () => [...list.querySelectorAll(".tile")];
export const tile = (id) => list.querySelector(`.tile[data-picture="${CSS.escape(id)}"]`);

const nearEnd = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && more(), {
  root: document.getElementById("content"),
  rootMargin: "600px",
});

export function start() {
  filters.addEventListener("submit", (event) => {
    event.preventDefault();
    filter();
  });
  let later;
  filters.addEventListener("input", (event) => {
    clearTimeout(later);
    later = setTimeout(filter, event.target.type === "search" ? 250 : 0);
  });
  list.addEventListener("click", (event) => {
    if (!event.target.closest(".more a")) return;
    event.preventDefault();
    more();
  });
  tabs.addEventListener("message", ({ data }) => (data ? drop(data) : filter()));
  watch();
}

function watch() {
  nearEnd.disconnect();
  const end = list.querySelector(".more");
  if (end) nearEnd.observe(end);
}

const query = () => new URLSearchParams([...new FormData(filters)].filter(([, value]) => value)).toString();
/** Where this page is, with its filters. */
export const address = () => filters.getAttribute("action") + (query() ? `?${query()}` : "");

async function load(url) {
  const html = await part(url).catch(() => undefined);
  if (html === undefined) return;
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  return fresh.content;
}

let round = 0; // the newest question: an older answer is not shown

async function filter() {
  const mine = ++round;
  const fresh = await load(`${filters.dataset.url}?${query()}`);
  if (mine !== round) return;
  if (!fresh) return toast(t("noAnswer"));
  list.replaceChildren(fresh);
  history.replaceState(history.state, "", address());
  watch();
}

/** New pictures come to the head; what is there stays where it is. */
export async function refresh() {
  const mine = round;
  const fresh = await load(`${filters.dataset.url}?${query()}`);
  if (!fresh || mine !== round) return;
  const incoming = [...fresh.querySelectorAll(".tile")];
  const known = incoming.findIndex((one) => tile(one.dataset.picture));
  if (known < 0) list.replaceChildren(fresh);
  else list.prepend(...incoming.slice(0, known));
  watch();
}

let loading = false;

async function more() {
  const end = list.querySelector(".more");
  if (!end || loading) return;
  loading = true;
  const mine = round;
  const fresh = await load(end.querySelector("a").dataset.part);
  loading = false;
  if (!fresh) return toast(t("noAnswer"));
  if (mine !== round || !end.isConnected) return;
  for (const one of fresh.querySelectorAll(".tile")) if (tile(one.dataset.picture)) one.remove();
  end.replaceWith(fresh);
  watch();
}

/** The picture before (-1) or after (1) this one. */
export function neighbour(id, step) {
  const all = tiles();
  const at = all.findIndex((one) => one.dataset.picture === id);
  return at < 0 ? undefined : all[at + step]?.dataset.picture;
}

function drop(id) {
  tile(id)?.remove();
  if (!tiles().length) refresh();
}

/** A picture was deleted here. */
export function removed(id) {
  drop(id);
  tabs.postMessage(id);
}

/** A deletion was undone here. */
export function restored() {
  filter();
  tabs.postMessage("");
}
