// What happens now, in words, with a bar where there is progress; and the files that came of it.
import { all, child, clone, find, partOf } from "../common/dom.js";
import { t } from "../common/text.js";

/**
 * The current step in `element`; when all is over the server's list of steps takes its place.
 * @param {HTMLElement} element
 * @param {Step[]} history
 * @param {boolean} over
 */
export function showStatus(element, history, over) {
  const step = history.filter(({ notice }) => !notice).at(-1);
  const line = find(".now", element);
  if (!over && history.some(({ call }) => call))
    import("./tools/calls.js").then((calls) => calls.showCalls(element, history));
  if (!over) {
    const notices = history.filter(({ notice }) => notice);
    showLines(element, "made-notice", notices);
    const failures = history.filter(({ error }) => error);
    showLines(element, "failed", failures);
  }
  if (over) find("[data-part='approval']", element)?.remove();
  if (over || !step || step.done) return line?.remove();
  const now = line ?? element.appendChild(clone("status-template"));
  const share = step.progress ?? (step.total ? (step.step ?? 0) / step.total : undefined); // 0 to 1
  partOf(now, "now-text").textContent = [
    step.description,
    step.queue && t("queue", { n: step.queue }),
    step.total && t("steps", { step: step.step ?? 0, total: step.total }),
    share !== undefined && `${Math.round(100 * share)} %`,
  ]
    .filter(Boolean)
    .join(" · ");
  const bar = child(now, "progress", HTMLProgressElement);
  bar.hidden = share === undefined;
  bar.value = 100 * (share ?? 0);
  const preview = child(now, ".preview", HTMLImageElement);
  preview.hidden = !/^(?:data:image\/|\/api\/)/.test(step.preview ?? "");
  if (!preview.hidden) preview.src = step.preview ?? "";
}

/**
 * What went wrong, and what is for the person to read, is shown at once and stands as the server will show it.
 * @param {HTMLElement} element
 * @param {string} kind a class
 * @param {Step[]} steps
 */
function showLines(element, kind, steps) {
  for (const step of steps.slice(all(`.${kind}`, element).length)) {
    const text = [step.description, step.detail].filter(Boolean).join(": ");
    const line = Object.assign(document.createElement("p"), { className: `made ${kind}`, textContent: text });
    element.insertBefore(line, find(".now", element));
  }
}

/**
 * @param {HTMLElement} article
 * @param {MessageFile[]} files
 */
export function showFiles(article, files) {
  if (!files.length) return;
  let grid = find("[data-part='files']", article);
  if (!grid) {
    grid = document.createElement("div");
    grid.className = "files";
    grid.dataset.part = "files";
    partOf(article, "body").before(grid);
  }
  grid.dataset.count = String(files.length);
  const shown = new Set(all("a", grid).map((link) => link.getAttribute("href")));
  const missing = files.filter((file) => !shown.has(file.url));
  if (!missing.length) return;
  grid.append(...missing.map((file) => (file.type === "image" ? figure(file) : fileLink(file, "file"))));
  document.dispatchEvent(new Event("thread:files"));
}

/**
 * @param {MessageFile} file
 * @param {string} className
 */
function fileLink(file, className) {
  const link = document.createElement("a");
  const textContent = className === "file" ? file.name : "";
  return Object.assign(link, { href: file.url, target: "_blank", rel: "noopener", className, textContent });
}

/** @param {MessageFile} file */
function figure(file) {
  const whole = Object.assign(document.createElement("figure"), { className: "picture" });
  Object.assign(whole.dataset, { file: file.id, url: file.url });
  const link = fileLink(file, "picture-link");
  const picture = Object.assign(document.createElement("img"), { src: file.url, alt: file.name || t("picture") });
  if (file.width) Object.assign(picture, { width: file.width, height: file.height });
  link.append(picture);
  whole.append(link);
  const lines = madeBy(file.provenance ?? {});
  if (lines.length) {
    const words = document.createElement("figcaption");
    words.append(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
    whole.append(words);
  }
  return whole;
}

/**
 * As the template tag `made_by` writes it.
 * @param {Provenance} provenance
 */
function madeBy({ prompt, original_prompt: original, revised_prompt: revised, engine, model, seed }) {
  const improved = revised || (original && prompt);
  const facts = [engine, model, (seed ?? "") !== "" && t("seed", { n: seed })].filter(Boolean).join(" · ");
  return [improved && t("improved", { prompt: improved }), facts].filter((line) => line);
}
