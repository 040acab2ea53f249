// What to draw, with which engine: the form offers only what the chosen engine and model can express.
import { ApiError, part, post } from "../common/api.js";
import { all, byId, child, clone, closest, find, isComposing, partOf } from "../common/dom.js";
import { glide, grow } from "../common/grow.js";
import { newId } from "../common/ids.js";
import * as pick from "../common/pick.js";
import { t } from "../common/text.js";
import { announce } from "../common/toast.js";
import { agreed } from "./asking.js";
import * as estimate from "./estimate.js";
import * as firstLook from "./first-look.js";
import * as inputs from "./inputs.js";
import * as jobs from "./jobs.js";
import { fieldsIn } from "./parameters.js";

/** @typedef {{ id: string, name: string }} Model */

/** @param {string} id */
const field = (id) => byId(id, HTMLInputElement);
const draw = () => byId("draw", HTMLFormElement);
const prompt = () => byId("prompt", HTMLTextAreaElement);
const engineRadios = () => all("#engine input").filter((radio) => radio instanceof HTMLInputElement);
const resolution = () => byId("resolution", HTMLFieldSetElement);
const modelPick = () => byId("model-pick", HTMLDetailsElement);
const moreOptions = () => byId("more-options", HTMLDetailsElement);
/** @type {Engine[]} */
const engines = JSON.parse(document.getElementById("engines")?.textContent ?? "[]");
/** @param {string} id */
const number = (id) => (field(id).value ? Number(field(id).value) : undefined);
/** @type {Abilities} */
let abilities; // of the chosen engine with the chosen model
let sending = false;
let estimateAnew = () => {}; // the form is another one
/** @type {ReturnType<typeof fieldsIn>} */
let parameters;
/** @type {{ body: string, key: string } | undefined} */
let unanswered; // a request that got no response: sent again it is still one job

export function start() {
  byId("engine").addEventListener("change", engineChanged);
  resolution().addEventListener("change", showShapes);
  byId("shapes").addEventListener("change", showOwnSize);
  byId("models").addEventListener(
    "change",
    ({ target }) => target instanceof HTMLInputElement && useModel(target.value),
  );
  modelPick().addEventListener("toggle", offerModels);
  field("model-search").addEventListener("input", showModels);
  field("model-search").addEventListener("keydown", modelKey);
  prompt().addEventListener("input", () => grow(prompt()));
  glide(byId("draw-top"));
  prompt().addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    draw().requestSubmit();
  });
  draw().addEventListener("click", (event) => {
    const step = closest(event, "[data-count]")?.dataset.count;
    if (step) setCount(field("count").valueAsNumber + Number(step));
  });
  field("count").addEventListener("change", () => setCount(field("count").valueAsNumber));
  draw().addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  parameters = fieldsIn(byId("parameters"), { changed: parametersChanged, insert: intoPrompt });
  inputs.start(inputsChanged);
  firstLook.start();
  choose(draw().dataset.first);
  draw().addEventListener("input", ({ target }) => target !== prompt() && estimateAnew());
  estimateAnew = estimate.watch(
    () => byId("draw-estimate"),
    () => ({ ...requestOfForm(), prompt: "", image: inputs.ids() }),
  );
}

// --- The engine and what it can do ---------------------------------------------------------------------------------------

/** @param {string | undefined} id */
const engineWith = (id) => engines.find((engine) => String(engine.id) === id);
const engine = () => engineWith(engineRadios().find(({ checked }) => checked)?.value) ?? engines[0];
/** @param {Engine | undefined} engine */
const fits = (engine) => Boolean(engine && (inputs.count() ? engine.inputs >= inputs.count() : engine.draws));
/** The engine that edits, when the chosen one does not. */
function editor() {
  const usual = engineWith(draw().dataset.editor);
  return fits(usual) ? usual : (engines.find(fits) ?? engines.find((engine) => engine.inputs));
}

/** @param {string | undefined} id */
function choose(id = "") {
  for (const radio of engineRadios()) radio.checked = radio.value === id;
  engineChanged();
}

function engineChanged() {
  field("model").value = "";
  models = undefined;
  show(engine());
}

/**
 * Everything in the form follows what can be expressed.
 * @param {Abilities} next
 */
function show(next) {
  abilities = next;
  for (const part of all("[data-needs]", draw())) {
    part.hidden = !next[/** @type {keyof Abilities} */ (part.dataset.needs)];
    child(part, "input", HTMLInputElement).disabled = part.hidden;
  }
  parameters.offer(next.params ? { engine: String(engine().id), model: field("model").value } : undefined);
  partOf(modelPick(), "chosen").textContent = field("model").value || next.model || t("usualModel");
  prompt().maxLength = next.prompt_limit;
  field("count").max = String(next.most);
  const resolutions = next.groups.filter(({ name }) => name);
  resolution().hidden = resolutions.length < 2;
  for (const old of all("label", resolution())) old.remove();
  resolution().append(...resolutions.map(({ name, usual }) => optionOf("segment-template", name, name, usual)));
  showShapes();
  const editing = next.inputs ? next : (editor() ?? next);
  inputs.allow({ count: editing.inputs, mask: editing.mask });
  showTask();
}

/** Whether this draws or edits, in words, and which engines can. */
function showTask() {
  const isEdit = inputs.count() > 0;
  partOf(byId("draw-button"), "label").textContent = t(isEdit ? "edit" : "draw");
  prompt().placeholder = t(isEdit ? "describeEdit" : "describe");
  for (const radio of engineRadios()) radio.disabled = !fits(engineWith(radio.value));
  parameters.edits(isEdit);
}

/** What is chosen stands beside the fold, and what can be chosen may be nothing. */
function parametersChanged() {
  partOf(moreOptions(), "chosen").textContent = parameters?.words() ?? "";
  moreOptions().hidden = !find(".options > :not([hidden])", moreOptions());
  estimateAnew();
}

/** @param {string} text of a LoRA or an embedding */
function intoPrompt(text) {
  const area = prompt();
  area.setRangeText(
    `${area.value && !/\s$/.test(area.value) ? " " : ""}${text}`,
    area.value.length,
    area.value.length,
    "end",
  );
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Input pictures came or went: an engine that cannot edit gives way to one that can, and back. */
function inputsChanged() {
  const better = inputs.count() ? editor() : engineWith(draw().dataset.first);
  if (!fits(engine()) && better) choose(String(better.id));
  showTask();
}

/**
 * → whether it is still the chosen one once its abilities are there.
 * @param {string} model empty for the engine's default
 */
async function useModel(model) {
  field("model").value = model;
  const asked = engine();
  const query = new URLSearchParams({ engine: String(asked.id), model });
  const response = await part(`${draw().dataset.abilities}?${query}`).catch(() => undefined);
  const isChosen = engine() === asked && field("model").value === model;
  if (response && isChosen) show(JSON.parse(response));
  return isChosen;
}

/** @type {Model[] | undefined} */
let models; // of the chosen engine, once they were asked for

async function offerModels() {
  if (!modelPick().open) return;
  field("model-search").value = "";
  showModels();
  if (models) return;
  const asked = engine().id;
  const response = await part(`/api/v1/images/models?engine=${asked}`).catch(() => "[]"); // one can still write its name
  if (asked !== engine().id) return;
  models = JSON.parse(response);
  showModels();
}

/** The models that fit what is searched for, after the engine's default. */
function showModels() {
  const words = field("model-search").value.trim().toLowerCase();
  const usual = { id: "", name: engine().model ? `${t("usualModel")} · ${engine().model}` : t("usualModel") };
  const fitting = (models ?? []).filter(({ id, name }) => `${id} ${name}`.toLowerCase().includes(words));
  const shown = words ? fitting : [usual, ...fitting];
  const chosen = field("model").value;
  const options = shown.map(({ id, name }) => optionOf("pick-option-template", id, name, id === chosen));
  for (const option of options) child(option, "input").setAttribute("name", "model-choice");
  byId("models").replaceChildren(...(options.length || !models ? options : [t("noModel")]));
  if (!models) byId("models").append(...[0, 1, 2].map(() => clone("pick-place-template")));
}

/**
 * Enter takes the model of exactly this name, else the first that fits; a name that no model has is taken as it is.
 * @param {KeyboardEvent} event
 */
function modelKey(event) {
  const radios = all("input", byId("models"));
  if (event.key === "ArrowDown") radios[0]?.focus();
  else if (event.key === "Enter" && !isComposing(event)) {
    const written = field("model-search").value.trim();
    const exact = models?.some(({ id }) => id === written);
    if (written) useModel((!exact && radios[0]?.getAttribute("value")) || written);
    pick.close(modelPick(), { focus: true });
  } else return;
  event.preventDefault();
}

/**
 * A radio with its words.
 * @param {string} template
 * @param {string} value
 * @param {string} word
 * @param {boolean} isChosen
 */
function optionOf(template, value, word, isChosen) {
  const option = clone(template);
  Object.assign(child(option, "input"), { value, checked: isChosen });
  partOf(option, "word").textContent = word;
  return option;
}

// --- Shape and count -----------------------------------------------------------------------------------------------------

function showShapes() {
  const chosen = size();
  const tier = find("input:checked", resolution())?.getAttribute("value");
  const group = abilities.groups.find(({ name }) => name === tier) ?? abilities.groups[0];
  const { auto, standard } = abilities;
  // What the administrator chose for this engine is the first choice; where the model can choose, so is "Automatic".
  const usual = auto && group?.sizes.find(({ value }) => value === standard);
  const automatic = usual ? "auto" : "";
  const explained = usual || (auto && !/\d/.test(standard)) ? t("modelDecides") : standard.replace("x", " × ");
  /** @type {Size[]} */
  const sizes = [{ value: automatic, word: t("automatic"), shape: explained }, ...(group?.sizes ?? [])];
  if (abilities.own_size) sizes.push({ value: "own", word: t("ownSize") });
  byId("shapes").replaceChildren(...sizes.map(shapeOf));
  const wanted = (chosen === undefined ? undefined : shapeRadio(chosen)) ?? shapeRadio(usual ? standard : automatic);
  if (wanted) wanted.checked = true;
  for (const id of ["own-width", "own-height"]) field(id).step = abilities.step;
  showOwnSize();
}

/** @param {string} value of a size */
function shapeRadio(value) {
  const radio = find(`input[value="${CSS.escape(value)}"]`, byId("shapes"));
  return radio instanceof HTMLInputElement ? radio : undefined;
}

/** @param {Size} size */
function shapeOf({ value, word, shape = "", width = 0, height = 0 }) {
  const label = clone("shape-template");
  const radio = child(label, "input", HTMLInputElement);
  const pixels = width ? `${width} × ${height}` : "";
  radio.value = value;
  partOf(label, "word").textContent = width && shape ? shape : word;
  label.title = [width && shape ? word : shape, pixels].filter(Boolean).join(" · ");
  if (width) {
    radio.setAttribute("aria-label", [word, shape, pixels].filter(Boolean).join(", "));
    const scale = 18 / Math.max(width, height);
    const [w, h] = [width * scale, height * scale];
    const box = child(label, "rect", SVGElement);
    for (const [name, number] of Object.entries({ width: w, height: h, x: 12 - w / 2, y: 12 - h / 2 })) {
      box.setAttribute(name, number.toFixed(1));
    }
  } else child(label, "svg", SVGElement).remove();
  return label;
}

/** The value of the chosen size; undefined before there are any. */
function size() {
  const radio = find("input:checked", byId("shapes"));
  return radio instanceof HTMLInputElement ? radio.value : undefined;
}

/**
 * Choose a size: in its resolution, or as one of one's own where no shape has it.
 * @param {string} wanted
 */
function useSize(wanted) {
  const tier = abilities.groups.find(({ sizes }) => sizes.some(({ value }) => value === wanted))?.name;
  const radio = tier && find(`input[value="${CSS.escape(tier)}"]`, resolution());
  if (radio instanceof HTMLInputElement) radio.checked = true;
  showShapes();
  const shape = shapeRadio(wanted) ?? (/^\d+x\d+$/.test(wanted) ? shapeRadio("own") : undefined);
  if (shape) shape.checked = true;
  if (shape?.value === "own") [field("own-width").value, field("own-height").value] = wanted.split("x");
  showOwnSize();
}

function showOwnSize() {
  const isOwn = size() === "own";
  byId("own-size").hidden = !isOwn;
  for (const id of ["own-width", "own-height"]) field(id).disabled = !isOwn;
  estimateAnew();
}

/** @param {number} count */
function setCount(count) {
  field("count").value = String(Math.min(Number(field("count").max), Math.max(1, count || 1)));
  estimateAnew();
}

// --- Sending -------------------------------------------------------------------------------------------------------------

/** @returns {ImageRequest} */
function requestOfForm() {
  const own = size() === "own" ? `${field("own-width").value}x${field("own-height").value}` : size();
  return {
    prompt: prompt().value,
    original_prompt: firstLook.originalWords(),
    engine: String(engine().id),
    n: number("count"),
    size: own,
    model: abilities.has_models ? field("model").value.trim() : undefined,
    negative_prompt: abilities.negative ? field("negative").value : undefined,
    steps: abilities.steps ? number("steps") : undefined,
    seed: (abilities.seed ? field("seed").value : "") || undefined, // a text: seeds exceed the whole numbers of scripts
    params: parameters.chosen(),
  };
}

async function submit() {
  if (!prompt().value.trim()) return prompt().focus();
  if (sending) return;
  sending = true; // once is enough
  byId("draw-button").setAttribute("aria-disabled", "true");
  byId("draw-error").hidden = true;
  try {
    if (!inputs.count() && !(await firstLook.isSeen())) return;
    if (!(await send({ ...requestOfForm(), ...(await inputs.request()) }))) return;
    firstLook.sent();
    announce(t("started"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    showError(error);
  } finally {
    sending = false;
    byId("draw-button").removeAttribute("aria-disabled");
  }
}

/**
 * Make a job of this request and show it, above the site's limit once the person agrees; throws ApiError.
 * @param {ImageRequest} request
 * @returns {Promise<boolean>} whether there is a job
 */
export async function send(request, limitSeen = false) {
  const body = JSON.stringify(request);
  if (unanswered?.body !== body) unanswered = { body, key: newId() };
  try {
    const asked = { ...request, limit_seen: limitSeen };
    const job = await post("/api/v1/images/jobs", asked, { "Idempotency-Key": unanswered.key });
    unanswered = undefined;
    await jobs.show(job.id);
    estimateAnew();
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status) unanswered = undefined; // refused: the next attempt is a new one
    const asks = error instanceof ApiError && error.code === "above_limit" && !limitSeen;
    if (!asks) throw error;
  }
  return (await agreed(request)) && send(request, true);
}

/** @param {ApiError} error */
function showError({ message, provider }) {
  const box = byId("draw-error");
  partOf(box, "text").textContent = message || t("noAnswer");
  partOf(box, "words").textContent = provider ?? "";
  partOf(box, "words").hidden = !provider || provider === message;
  box.hidden = false;
}

/**
 * Put an earlier request into the form, to be changed and sent again.
 * @param {ImageRequest} request
 */
export async function fill(request) {
  inputs.replace(request.image ?? []);
  if (engineWith(request.engine)) choose(request.engine);
  prompt().value = request.prompt;
  firstLook.forget();
  grow(prompt());
  field("negative").value = request.negative_prompt ?? "";
  field("steps").value = String(request.steps ?? "");
  field("seed").value = request.seed ?? "";
  parameters.use(request.params ?? {});
  focus();
  const isOther = request.model && request.model !== abilities.model;
  if (isOther && !(await useModel(request.model ?? ""))) return;
  useSize(request.size ?? "");
}

export function focus() {
  draw().scrollIntoView({ block: "nearest" });
  prompt().focus();
}
