// The person's pictures: filters, more of them as one scrolls, and what is new at the head.
import { part } from "../common/api.js";
import { all, byId, child, closest, find, fragment } from "../common/dom.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";

const SKELETONS = 8; // that stand for pictures on their way
const list = byId("gallery");
const filters = byId("filters", HTMLFormElement);
const tabs = new BroadcastChannel("pictures"); // what one tab deletes is gone in the others; no id: something came back
const tiles = () => all(".tile", list);
/** @param {ParentNode} root the pictures of one request are one entry */
const entriesOf = (root) => all(".tile-group, .tile:not(.tile-group .tile)", root);
/** @param {HTMLElement} entry */
const tilesOf = (entry) => (entry.matches(".tile") ? [entry] : all(".tile", entry));
/** @param {string} id */
export const tile = (id) => find(`.tile[data-picture="${CSS.escape(id)}"]`, list);
/** @param {HTMLElement} tile */
const idOf = ({ dataset }) => dataset.picture ?? "";

const nearEnd = new IntersectionObserver((entries) => entries.some(({ isIntersecting }) => isIntersecting) && more(), {
  root: document.getElementById("content"),
  rootMargin: "600px",
});

export function start() {
  filters.addEventListener("submit", (event) => {
    event.preventDefault();
    filter();
  });
  let later = 0;
  filters.addEventListener("input", ({ target }) => {
    clearTimeout(later);
    later = setTimeout(filter, target instanceof HTMLInputElement && target.type === "search" ? 250 : 0);
  });
  list.addEventListener("click", (event) => {
    const forward = closest(event, ".more a");
    if (!forward && !closest(event, '[data-action="all-pictures"]')) return;
    event.preventDefault();
    forward ? more() : showAll();
  });
  tabs.addEventListener("message", ({ data }) => (data ? gone(data) : filter()));
  watch();
}

function watch() {
  nearEnd.disconnect();
  const end = find(".more", list);
  if (end) nearEnd.observe(end);
}

function query() {
  const wanted = new URLSearchParams();
  for (const [name, value] of new FormData(filters)) if (value) wanted.append(name, String(value));
  return wanted.toString();
}
/** How many filters are set of those that the panel hides. */
function count() {
  const fields = all(":checked, [type='date']", byId("filter-panel"));
  const folded = fields.filter((field) => field instanceof HTMLInputElement && field.value);
  byId("filter-count").textContent = folded.length ? String(folded.length) : "";
}

/** No filter is set any more. */
function showAll() {
  for (const field of filters.elements) {
    if (!(field instanceof HTMLInputElement)) continue;
    if (field.type === "date" || field.type === "search") field.value = "";
    else field.checked = field.type === "radio" && !field.value;
    field.dispatchEvent(new Event("change", { bubbles: true })); // what a button says is chosen
  }
  filter();
}

/** Where this page is, with its filters. */
export const address = () => filters.getAttribute("action") + (query() ? `?${query()}` : "");

const load = (url = `${filters.dataset.url}?${query()}`) => part(url).then(fragment, () => undefined);

let round = 0; // the newest request: what an older one brings is not shown

async function filter() {
  round += 1;
  const mine = round;
  count();
  list.setAttribute("aria-busy", "true");
  const fresh = await load();
  if (mine !== round) return;
  list.removeAttribute("aria-busy");
  if (!fresh) return toast(t("noAnswer"));
  list.replaceChildren(fresh);
  history.replaceState(history.state, "", address());
  watch();
}

/** New pictures come to the head; what is there stays where it is. */
export async function refresh() {
  const mine = round;
  const fresh = await load();
  if (!fresh || mine !== round) return;
  const incoming = entriesOf(fresh);
  const known = incoming.findIndex((entry) => tilesOf(entry).every((item) => tile(idOf(item))));
  if (known < 0) list.replaceChildren(fresh);
  else {
    const newer = incoming.slice(0, known);
    for (const item of newer.flatMap(tilesOf)) drop(idOf(item)); // some of a request may be here already
    list.prepend(...newer);
  }
  watch();
}

let loading = false;

async function more() {
  const end = find(".more", list);
  if (!end || loading) return;
  loading = true;
  const mine = round;
  const skeletons = Array.from({ length: SKELETONS }, () =>
    Object.assign(document.createElement("li"), { className: "tile-place" }),
  );
  for (const skeleton of skeletons) skeleton.setAttribute("aria-hidden", "true");
  end.before(...skeletons);
  const fresh = await load(child(end, "a").dataset.part);
  for (const skeleton of skeletons) skeleton.remove();
  loading = false;
  if (!fresh) return toast(t("noAnswer"));
  if (mine !== round || !end.isConnected) return;
  end.replaceWith(fresh);
  watch();
}

/**
 * The picture before (-1) or after (1) this one.
 * @param {string | undefined} id
 * @param {-1 | 1} step
 */
export function neighbour(id, step) {
  const ids = tiles().map(idOf);
  const index = id === undefined ? -1 : ids.indexOf(id);
  return index < 0 ? undefined : ids[index + step];
}

/** @param {string} id */
function drop(id) {
  const entry = tile(id);
  const group = entry?.closest(".tile-group");
  entry?.remove();
  if (group && !find(".tile", group)) group.remove();
}

/** @param {string} id */
function gone(id) {
  drop(id);
  if (!tiles().length) refresh();
}

/**
 * A picture was deleted here.
 * @param {string} id
 */
export function removed(id) {
  gone(id);
  tabs.postMessage(id);
}

/** A deletion was undone here. */
export function restored() {
  filter();
  tabs.postMessage("");
}
