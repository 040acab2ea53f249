// Answers side by side: on a narrow screen one at a time, with tabs. One is picked, or a model merges all. Loaded with the
// first comparison that a page shows.
import { part, remove, tellRefusal } from "../../common/api.js";
import { all, byId, child, closest, find } from "../../common/dom.js";
import { t } from "../../common/text.js";
import { announce, toast } from "../../common/toast.js";
import * as actions from "../actions.js";
import * as picker from "../picker.js";
import * as thread from "../thread.js";

const narrow = matchMedia("(max-width: 40rem)");
const dialog = () => byId("merge-dialog", HTMLDialogElement);
const models = () => byId("merge-model", HTMLSelectElement);
/** The column that stands in front, by comparison; the first one where nobody chose. @type {Map<string, string>} */
const inFront = new Map();

/** @param {HTMLElement} block */
const tabsOf = (block) => all("[role='tab']", block);
/** @param {HTMLElement} tab */
const panelOf = (tab) => byId(tab.getAttribute("aria-controls") ?? "");

/** Bring the tabs of all comparisons up to date. */
export function show() {
  for (const block of all(".comparison")) {
    const tabs = tabsOf(block);
    const current = tabs.find((tab) => panelOf(tab).id === inFront.get(block.id)) ?? tabs[0];
    block.toggleAttribute("data-tabs", narrow.matches);
    for (const tab of tabs) {
      const isCurrent = tab === current;
      const panel = panelOf(tab);
      tab.setAttribute("aria-selected", String(isCurrent));
      tab.tabIndex = isCurrent ? 0 : -1;
      panel.hidden = narrow.matches && !isCurrent;
      panel.role = narrow.matches ? "tabpanel" : null;
      if (narrow.matches) panel.setAttribute("aria-labelledby", tab.id);
      else panel.removeAttribute("aria-labelledby");
    }
  }
}

/** @param {HTMLElement} tab */
function choose(tab) {
  const block = /** @type {HTMLElement} */ (tab.closest(".comparison"));
  inFront.set(block.id, panelOf(tab).id);
  show();
  if (block.getBoundingClientRect().top < byId("content").getBoundingClientRect().top) block.scrollIntoView();
  tab.scrollIntoView({ block: "nearest", inline: "nearest" });
}

narrow.addEventListener("change", show);
document.addEventListener("thread:changed", show);
document.addEventListener("click", (event) => {
  const tab = closest(event, ".comparison [role='tab']");
  if (tab) choose(tab);
});
document.addEventListener("keydown", (event) => {
  const tab = closest(event, ".comparison [role='tab']");
  const block = tab?.closest(".comparison");
  if (!tab || !(block instanceof HTMLElement)) return;
  const tabs = tabsOf(block);
  const index = tabs.indexOf(tab);
  /** @type {Record<string, number>} */
  const targets = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1 };
  const target = targets[event.key];
  if (target === undefined) return;
  event.preventDefault();
  const next = tabs.at(target % tabs.length);
  if (!next) return;
  choose(next);
  next.focus();
});

/** @param {HTMLElement} element */
const pathOf = (element) =>
  `/comparisons/${/** @type {HTMLElement} */ (element.closest("[data-comparison]")).dataset.comparison}`;

/**
 * The chat goes on with this answer, and with its model.
 * @param {HTMLElement} message
 */
export async function pick(message) {
  const name = child(message, ".byline h2").textContent;
  const { model = "" } = message.dataset;
  if (!(await actions.change(`${pathOf(message)}/pick`, { message: message.dataset.message }))) return;
  announce(t("picked", { name }));
  if (matchMedia("(pointer: fine)").matches) byId("message").focus();
  await picker.follow(model);
}

/**
 * The answers stand side by side again.
 * @param {HTMLElement} button
 */
export async function reopen(button) {
  const path = pathOf(button);
  const hasMore = Boolean(button.closest(".message:not(:last-child)"));
  try {
    await remove(thread.apiUrl(`${path}/pick`));
  } catch (error) {
    return tellRefusal(error);
  }
  await thread.refresh();
  if (hasMore) toast(t("belowStays"));
  const block = document.getElementById(path.slice(1).replace("comparisons/", "comparison-"));
  if (!block) return;
  block.tabIndex = -1;
  block.focus({ preventScroll: true });
  block.scrollIntoView({ block: "start" });
}

/**
 * Ask which model makes one answer of all, and let it.
 * @param {HTMLElement} element of the comparison
 */
export async function openMerge(element) {
  const block = /** @type {HTMLElement} */ (element.closest(".comparison"));
  try {
    const template = document.createElement("template");
    template.innerHTML = await part(models().dataset.url ?? "");
    const offered = all(".option", template.content).map(
      (option) => new Option(child(option, ".option-name").textContent?.trim(), option.dataset.model),
    );
    models().replaceChildren(...offered);
  } catch (error) {
    return tellRefusal(error);
  }
  if (find(`option[value="${CSS.escape(picker.model() ?? "")}"]`, models())) models().value = picker.model() ?? "";
  dialog().returnValue = "";
  dialog().showModal();
  dialog().addEventListener("close", () => dialog().returnValue === "merge" && merge(block), { once: true });
}

/** @param {HTMLElement} block */
async function merge(block) {
  if (!(await actions.change(`${pathOf(block)}/merge`, { model: models().value, once: true }))) return;
  const made = tabsOf(block).at(-1);
  if (made?.isConnected) choose(made); // one may have picked meanwhile
}
