// What happens now, in words, with a bar where there is progress; and the files that came of it.
import { t } from "../common/text.js";

/** The current step in `element`; when all is over the server's list of steps takes its place. */
export function showStatus(element, history, over) {
  const step = history.filter((one) => !one.notice).at(-1);
  const line = element.querySelector(".now");
  if (!over) {
    showLines(
      element,
      "made-notice",
      history.filter((one) => one.notice),
    );
    showLines(
      element,
      "failed",
      history.filter((one) => one.error),
    );
  }
  if (over || !step || step.done) return line?.remove();
  const now =
    line ?? element.appendChild(document.getElementById("status-template").content.firstElementChild.cloneNode(true));
  const words = [step.description];
  if (step.queue) words.push(t("queue", { n: step.queue }));
  if (step.total) words.push(t("steps", { step: step.step ?? 0, total: step.total }));
  const part = step.progress ?? (step.total ? (step.step ?? 0) / step.total : undefined); // 0 to 1
  const percent = part === undefined ? undefined : 100 * part;
  if (percent !== undefined) words.push(`${Math.round(percent)} %`);
  now.querySelector("[data-part='now-text']").textContent = words.filter(Boolean).join(" · ");
  const bar = now.querySelector("progress");
  bar.hidden = percent === undefined;
  bar.value = percent ?? 0;
  const preview = now.querySelector(".preview");
  preview.hidden = !/^(?:data:image\/|\/api\/)/.test(step.preview ?? "");
  if (!preview.hidden) preview.src = step.preview;
}

/** What went wrong, and what is for the person to read, is said at once and stands as the server will show it. */
function showLines(element, kind, steps) {
  for (const step of steps.slice(element.querySelectorAll(`.${kind}`).length)) {
    const text = [step.description, step.detail].filter(Boolean).join(": ");
    const line = Object.assign(document.createElement("p"), { className: `made ${kind}`, textContent: text });
    element.insertBefore(line, element.querySelector(".now"));
  }
}

export function showFiles(article, files) {
  if (!files.length) return;
  let grid = article.querySelector("[data-part='files']");
  if (!grid) {
    grid = document.createElement("div");
    grid.className = "files";
    grid.dataset.part = "files";
    article.querySelector("[data-part='body']").before(grid);
  }
  grid.dataset.count = files.length;
  const shown = new Set([...grid.querySelectorAll("a")].map((link) => link.getAttribute("href")));
  const missing = files.filter((file) => !shown.has(file.url));
  if (!missing.length) return;
  grid.append(...missing.map((file) => (file.type === "image" ? figure(file) : fileLink(file))));
  document.dispatchEvent(new Event("thread:files"));
}

function fileLink(file) {
  return Object.assign(document.createElement("a"), {
    href: file.url,
    target: "_blank",
    rel: "noopener",
    className: "file",
    textContent: file.name,
  });
}

function figure(file) {
  const whole = Object.assign(document.createElement("figure"), { className: "picture" });
  Object.assign(whole.dataset, { file: file.id, url: file.url });
  const link = Object.assign(fileLink(file), { className: "picture-link", textContent: "" });
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

/** As the template tag `made_by` says it. */
function madeBy({ prompt, original_prompt: original, revised_prompt: revised, engine, model, seed }) {
  const improved = revised || (original && prompt);
  const facts = [engine, model, (seed ?? "") !== "" && t("seed", { n: seed })].filter(Boolean).join(" · ");
  return [improved && t("improved", { prompt: improved }), facts].filter(Boolean);
}
