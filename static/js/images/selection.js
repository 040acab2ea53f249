// Many pictures at once: chosen with the mouse (shift-click takes a row) or with keys, then starred, downloaded, deleted.
import { post, tellRefusal, token } from "../common/api.js";
import { all, byId, child, closest, find } from "../common/dom.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import * as gallery from "./gallery.js";
import * as stars from "./stars.js";

const API = "/api/v1/images/pictures";
const MOST = 500; // of one action
const list = byId("gallery");
const bar = byId("selection");
/** @type {HTMLInputElement | undefined} */
let anchor; // where a row that shift takes begins

const boxes = () =>
  /** @type {HTMLInputElement[]} */ (all(".tile-choose", list)).filter((box) => box instanceof HTMLInputElement);
const chosen = () => boxes().filter((box) => box.checked);
const isOn = () => list.classList.contains("selecting");
const opener = () => child(document, '[data-action="select-pictures"]');

export function start() {
  opener().addEventListener("click", () => turn(!isOn()));
  list.addEventListener("click", clicked);
  list.addEventListener("keydown", pressed);
  bar.addEventListener("click", (event) => actions[closest(event, "[data-action]")?.dataset.action ?? ""]?.());
  bar.addEventListener("keydown", ({ key }) => key === "Escape" && turn(false));
  new MutationObserver(show).observe(list, { childList: true, subtree: true });
}

/** @param {boolean} on */
function turn(on) {
  const focused = find(":focus", list)?.closest(".tile");
  list.classList.toggle("selecting", on);
  opener().setAttribute("aria-pressed", String(on));
  if (!on) for (const box of boxes()) box.checked = false;
  anchor = undefined;
  show();
  if (focused) child(focused, on ? ".tile-choose" : "a").focus();
  else if (!on && bar.contains(document.activeElement)) opener().focus();
}

/** The bar says how many are chosen; the links of tiles are no stops of the keyboard meanwhile. */
function show() {
  const count = chosen().length;
  bar.hidden = !isOn();
  byId("selection-count").textContent = count ? t("chosen", { n: count }) : t("chooseSome");
  for (const button of all(".button:not([data-action='end-selection'])", bar))
    button.toggleAttribute("disabled", !count);
  for (const link of all(".tile a", list)) link.tabIndex = isOn() ? -1 : 0;
}

/** @param {MouseEvent} event */
function clicked(event) {
  const box = closest(event, ".tile-choose");
  if (!(box instanceof HTMLInputElement)) return;
  if (event.shiftKey && anchor?.isConnected) take(anchor, box);
  else anchor = box;
  show();
}

/**
 * All from one to the other.
 * @param {HTMLInputElement} from
 * @param {HTMLInputElement} to
 */
function take(from, to) {
  const every = boxes();
  const [first, last] = [every.indexOf(from), every.indexOf(to)].sort((left, right) => left - right);
  for (const box of every.slice(first, last + 1).slice(0, MOST)) box.checked = true;
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  const box = boxOf(event);
  if (!box || event.altKey) return;
  const next = nextOf(box, event.key);
  if (next) {
    child(next.parentElement ?? list, isOn() ? ".tile-choose" : "a").focus();
    if (isOn() && event.shiftKey) {
      anchor ??= box;
      take(anchor, next);
    } else anchor = next;
  } else if (event.key === " " && !isOn()) {
    turn(true);
    box.checked = true;
    anchor = box;
  } else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) {
    if (!isOn()) turn(true);
    for (const each of boxes().slice(0, MOST)) each.checked = true;
  } else if (event.key === "Delete" && chosen().length) actions["delete-chosen"]();
  else if (event.key === "Escape" && isOn()) turn(false);
  else return;
  event.preventDefault();
  show();
}

/** @param {Event} event */
function boxOf(event) {
  const tile = closest(event, ".tile");
  return tile ? child(tile, ".tile-choose", HTMLInputElement) : undefined;
}

/**
 * The one to which an arrow leads; up and down by what stands there.
 * @param {HTMLInputElement} box
 * @param {string} key
 */
function nextOf(box, key) {
  const every = boxes();
  const at = every.indexOf(box);
  if (key === "ArrowLeft" || key === "ArrowRight") return every[at + (key === "ArrowLeft" ? -1 : 1)];
  if (key !== "ArrowUp" && key !== "ArrowDown") return undefined;
  const middleOf = (/** @type {HTMLInputElement} */ item) => {
    const { x, y, width, height } = (item.parentElement ?? item).getBoundingClientRect();
    return [x + width / 2, y + height / 2, height / 2];
  };
  const [x, y, half] = middleOf(box);
  const sign = key === "ArrowUp" ? -1 : 1;
  const items = every.map((item) => ({ item, middle: middleOf(item) }));
  const beyond = items.filter(({ middle }) => sign * (middle[1] - y) > half);
  const distance = (/** @type {number[]} */ middle) => Math.abs(middle[0] - x) + 4 * Math.abs(middle[1] - y);
  return beyond.sort((left, right) => distance(left.middle) - distance(right.middle))[0]?.item;
}

/**
 * → whether it worked.
 * @param {string} action
 * @param {string[]} ids
 */
const send = (action, ids) => post(`${API}/bulk`, { action, ids }).then(() => true, tellRefusal);

/** @type {Record<string, () => unknown>} */
const actions = {
  async "star-chosen"() {
    const ids = chosen().map((box) => box.value);
    const starred = chosen().some((box) => find('.tile-star[aria-pressed="false"]', box.parentElement ?? list));
    if (await send(starred ? "star" : "unstar", ids)) stars.tell(ids, starred);
  },
  "download-chosen"() {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: `${API}/archive`, hidden: true });
    const fields = [["csrfmiddlewaretoken", token()], ...chosen().map((box) => ["ids", box.value])];
    form.append(
      ...fields.map(([name, value]) => Object.assign(document.createElement("input"), { type: "hidden", name, value })),
    );
    document.body.append(form);
    form.submit();
    form.remove();
  },
  async "delete-chosen"() {
    const ids = chosen().map((box) => box.value);
    if (!(await send("delete", ids))) return;
    turn(false);
    for (const id of ids) gallery.removed(id);
    toast(t("removedMany", { n: ids.length }), {
      label: t("undo"),
      run: async () => (await send("restore", ids)) && gallery.restored(),
    });
    opener().focus();
  },
  "end-selection": () => turn(false),
};
