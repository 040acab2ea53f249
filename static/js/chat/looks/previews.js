// Diagrams, drawings and pages in answers, shown in sandboxed frames: documents without our origin, cookies and any
// network (chat/sandbox/views.py). Mermaid draws in a frame of its own, which is thrown away when it takes too long.
// A page runs only when somebody asks for it.
import { all, child, clone, find } from "../../common/dom.js";
import { t } from "../../common/text.js";
import { saveAs } from "./files.js";

/** @typedef {"mermaid" | "svg" | "page"} Kind */

/** @type {Record<Kind, { longest: number, type: string, suffix: string }>} */
const KINDS = {
  mermaid: { longest: 20_000, type: "image/svg+xml", suffix: "svg" },
  svg: { longest: 500_000, type: "image/svg+xml", suffix: "svg" },
  page: { longest: 1_000_000, type: "text/html", suffix: "html" },
};
const PATIENCE = 15_000; // milliseconds for one diagram, with the library
const IDLE = 10_000; // after which the frame that draws goes
const ZOOMS = [1, 1.5, 2, 3, 4, 6];

/** @type {WeakMap<Element, string>} */
const drawings = new WeakMap(); // block → what its diagram became
/** @type {WeakMap<MessageEventSource, (message: any) => void>} */
const listeners = new WeakMap();
addEventListener("message", ({ source, data }) => source && listeners.get(source)?.(data));

/**
 * What a block of code can be shown as.
 * @param {HTMLElement} block
 * @returns {Kind | undefined}
 */
function kindOf(block) {
  const language = child(block, ".code-language").textContent.toLowerCase();
  const text = sourceOf(block).trimStart();
  if (language === "mermaid") return "mermaid";
  if (language === "svg" || (/^(xml|html?)$/.test(language) && /^(<\?xml[^>]*>\s*)?<svg[\s>]/.test(text))) return "svg";
  return /^html?$/.test(language) ? "page" : undefined;
}

/** @param {HTMLElement} block */
const sourceOf = (block) => child(block, "code").textContent;

/** @param {Element} element */
const blockOf = (element) => /** @type {HTMLElement} */ (element.closest(".code"));

/**
 * Give these blocks their buttons; drawings are shown as soon as somebody comes near them.
 * @param {HTMLElement[]} blocks
 */
export function offer(blocks) {
  for (const block of blocks) {
    const kind = kindOf(block);
    if (!kind || block.dataset.preview || sourceOf(block).length > KINDS[kind].longest) continue;
    block.dataset.preview = kind;
    const buttons = clone("preview-template");
    child(block, ".code-buttons").prepend(...buttons.children);
    if (kind === "page") label(block, false);
    else nearness.observe(block);
  }
}

const nearness = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting || !(target instanceof HTMLElement)) continue;
      nearness.unobserve(target);
      open(target);
    }
  },
  { rootMargin: document.body.matches(".paper") ? "1000000px" : "300px" }, // on paper nobody comes near
);

/** @param {HTMLElement} button */
export function toggle(button) {
  const block = blockOf(button);
  if (block.classList.contains("previewing")) close(block);
  else open(block);
}

/**
 * @param {HTMLElement} block
 * @param {boolean} shown
 */
function label(block, shown) {
  const button = child(block, "[data-action='toggle-preview']");
  button.title = t(shown ? "showSource" : "showPreview");
  button.setAttribute("aria-label", button.title);
  button.setAttribute("aria-pressed", String(shown));
}

/** @param {HTMLElement} block */
function close(block) {
  find(".preview", block)?.remove(); // with its frame, and whatever runs in it
  block.classList.remove("previewing");
  label(block, false);
}

/** @param {HTMLElement} block */
const svgOf = async (block) => (block.dataset.preview === "svg" ? sourceOf(block) : drawn(sourceOf(block)));

/** @param {HTMLElement} block */
async function open(block) {
  find(".preview", block)?.remove();
  const box = document.createElement("div");
  box.className = "preview";
  child(block, "pre").before(box);
  block.classList.add("previewing");
  label(block, true);
  const kind = /** @type {Kind} */ (block.dataset.preview);
  try {
    if (kind === "page") return showPage(sourceOf(block), box);
    box.textContent = t("drawing");
    const svg = await svgOf(block);
    if (!box.isConnected) return;
    drawings.set(block, svg);
    if (kind === "mermaid") box.classList.add("preview-diagram");
    await showPicture(svg, box);
  } catch (error) {
    if (!box.isConnected) return;
    close(block);
    tellMistake(block, error instanceof Error ? error.message : "");
  }
}

/**
 * Above the source, which is what is left to look at.
 * @param {HTMLElement} block
 * @param {string} words of whoever could not draw it
 */
function tellMistake(block, words) {
  const note = document.createElement("div");
  note.className = "preview preview-mistake";
  const title = document.createElement("p");
  title.textContent = t("notDrawn");
  const more = document.createElement("pre");
  more.textContent = words.slice(0, 1000);
  note.append(title, ...(words ? [more] : []));
  child(block, "pre").before(note);
}

/**
 * @param {"drawing" | "page"} name of the document
 * @param {HTMLElement} around
 * @param {(message: any) => void} hear
 */
function addFrame(name, around, hear) {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", name === "page" ? "allow-scripts allow-forms" : "allow-scripts");
  frame.allow = "";
  frame.referrerPolicy = "no-referrer";
  frame.title = t(name === "page" ? "previewOfPage" : "previewOfDrawing");
  frame.src = `/sandbox/${name}`;
  around.append(frame);
  listeners.set(/** @type {Window} */ (frame.contentWindow), hear);
  return frame;
}

/**
 * @param {HTMLIFrameElement} frame
 * @param {object} message
 */
const send = (frame, message) => frame.contentWindow?.postMessage(message, "*"); // it has no origin to name

/**
 * @param {string} page
 * @param {HTMLElement} around
 */
function showPage(page, around) {
  let sent = false;
  const frame = addFrame("page", around, (message) => {
    if (message !== "ready" || sent) return; // the page itself may say what it likes
    sent = true;
    send(frame, { page });
  });
}

/**
 * @param {string} svg
 * @param {HTMLElement} around
 */
async function showPicture(svg, around) {
  /** @type {PromiseWithResolvers<void>} */
  const { promise, resolve, reject } = Promise.withResolvers();
  const timer = setTimeout(() => reject(new Error(t("previewSlow"))), PATIENCE);
  const frame = addFrame("drawing", around, (message) => {
    if (message === "ready") send(frame, { picture: svg });
    else if (message.broken) reject(new Error(t("brokenDrawing")));
    else if (message.width) {
      frame.style.aspectRatio = `${message.width} / ${message.height}`;
      frame.style.width = `min(100%, ${message.width}px)`;
      resolve();
    }
  });
  await promise.finally(() => clearTimeout(timer));
  while (around.firstChild !== frame) around.firstChild?.remove(); // what stood there meanwhile
}

// --- Mermaid -----------------------------------------------------------------------------------------------------------

/** @type {HTMLIFrameElement | undefined} */
let drawer;
/** @type {Promise<unknown>} */
let queue = Promise.resolve();
/** @type {number | undefined} */
let idle;
let count = 0;

/**
 * → the diagram as SVG, drawn after those that were asked for before.
 * @param {string} source
 * @returns {Promise<string>}
 */
function drawn(source) {
  const turn = queue.then(() => drawNow(source));
  queue = turn.catch(() => {});
  return turn;
}

/** @param {string} source */
async function drawNow(source) {
  clearTimeout(idle);
  count += 1;
  const id = count;
  const font = getComputedStyle(document.documentElement).getPropertyValue("--font").trim();
  const request = { id, mermaid: source, dark: isDark(), font };
  /** @type {PromiseWithResolvers<string>} */
  const { promise, resolve, reject } = Promise.withResolvers();
  const timer = setTimeout(() => reject(new Error(t("previewSlow"))), PATIENCE);
  const hear = (/** @type {any} */ message) => {
    if (message === "ready" && drawer) send(drawer, request);
    else if (message.id === id) message.svg ? resolve(message.svg) : reject(new Error(message.mistake));
  };
  if (drawer?.contentWindow) {
    listeners.set(drawer.contentWindow, hear);
    send(drawer, request);
  } else {
    drawer = addFrame("drawing", document.body, hear);
    drawer.className = "preview-drawer";
    drawer.ariaHidden = "true";
    drawer.tabIndex = -1;
  }
  try {
    return await promise;
  } catch (error) {
    dismiss(); // it may hang
    throw error;
  } finally {
    clearTimeout(timer);
    idle = setTimeout(dismiss, IDLE);
  }
}

function dismiss() {
  drawer?.remove();
  drawer = undefined;
}

const dark = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme === "dark" || (theme !== "light" && dark.matches);
}

/** Diagrams have the colours of the page. */
function redraw() {
  for (const block of all(".code[data-preview='mermaid'].previewing")) open(block);
}
dark.addEventListener("change", redraw);
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });

// --- Taking it out, and seeing it large --------------------------------------------------------------------------------

/** @param {HTMLElement} button */
export function save(button) {
  const block = blockOf(button);
  const kind = /** @type {Kind} */ (block.dataset.preview);
  const { type, suffix } = KINDS[kind];
  saveAs(drawings.get(block) ?? sourceOf(block), type, `${child(document, "h1").textContent.trim()}.${suffix}`);
}

/** @param {HTMLElement} button */
export async function enlarge(button) {
  const block = blockOf(button);
  const isPage = block.dataset.preview === "page";
  const dialog = /** @type {HTMLDialogElement} */ (clone("preview-dialog-template"));
  const stage = child(dialog, ".preview-stage");
  const opener = button;
  dialog.addEventListener("close", () => {
    dialog.remove();
    opener.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  if (isPage) {
    for (const zoom of all("[data-zoom]", dialog)) zoom.hidden = true;
    return showPage(sourceOf(block), stage);
  }
  if (block.dataset.preview === "mermaid") stage.classList.add("preview-diagram");
  let step = 0;
  dialog.addEventListener("click", ({ target }) => {
    const zoom = target instanceof Element ? target.closest("[data-zoom]") : undefined;
    const frame = stage.querySelector("iframe");
    if (!(zoom instanceof HTMLElement) || !frame) return;
    step = Math.max(0, Math.min(ZOOMS.length - 1, step + Number(zoom.dataset.zoom)));
    send(frame, { zoom: ZOOMS[step] });
  });
  try {
    await showPicture(drawings.get(block) ?? (await svgOf(block)), stage);
  } catch (error) {
    stage.textContent = error instanceof Error ? error.message : "";
  }
}
