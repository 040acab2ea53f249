// What to draw, with which engine: the form offers only what the chosen engine and model can express.
import { ApiError, part, post } from "../common/api.js";
import { t } from "../common/text.js";
import { announce } from "../common/toast.js";
import * as inputs from "./inputs.js";
import * as jobs from "./jobs.js";

const by = (id) => document.getElementById(id);
const draw = by("draw");
const engines = JSON.parse(by("engines")?.textContent ?? "[]");
const number = (id) => (by(id).value ? Number(by(id).value) : undefined);
let abilities = {}; // of the chosen engine with the chosen model
let asking = false;
let unanswered; // {said, key} of a wish that got no answer: asked again it is still one job

export function start() {
  by("engine").addEventListener("change", engineChanged);
  by("resolution").addEventListener("change", showShapes);
  by("shapes").addEventListener("change", showOwnSize);
  by("model").addEventListener("change", modelChanged);
  by("more-options").addEventListener("toggle", offerModels);
  by("prompt").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    draw.requestSubmit();
  });
  draw.addEventListener("click", (event) => {
    const step = event.target.closest("[data-count]")?.dataset.count;
    if (step) setCount(by("count").valueAsNumber + Number(step));
  });
  by("count").addEventListener("change", () => setCount(by("count").valueAsNumber));
  draw.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  inputs.start(inputsChanged);
  choose(Number(draw.dataset.first));
}

// --- The engine and what it can do ---------------------------------------------------------------------------------------

const engine = () => engines.find((one) => one.id === Number(by("engine").value));
const editor = () =>
  engines.find((one) => one.id === Number(draw.dataset.editor) && fits(one)) ??
  engines.find((one) => fits(one)) ??
  engines.find((one) => one.inputs);
const fits = (one) => (inputs.count() ? one.inputs >= inputs.count() : one.draws);

function choose(id) {
  by("engine").value = id;
  engineChanged();
}

function engineChanged() {
  by("model").value = "";
  by("models").replaceChildren();
  show(engine());
  offerModels();
}

/** Everything in the form follows what can be said. */
function show(can) {
  abilities = can;
  for (const field of draw.querySelectorAll("[data-needs]")) {
    field.hidden = !can[field.dataset.needs];
    field.querySelector("input").disabled = field.hidden;
  }
  by("more-options").hidden = !draw.querySelector("[data-needs]:not([hidden])");
  by("model").placeholder = can.model;
  by("prompt").maxLength = can.prompt_limit;
  by("count").max = can.most;
  const named = can.groups.filter((group) => group.name);
  by("resolution").parentElement.hidden = named.length < 2;
  by("resolution").replaceChildren(...named.map(({ name, usual }) => new Option(name, name, usual, usual)));
  showShapes();
  const taking = can.inputs ? can : (editor() ?? can);
  inputs.allow({ count: taking.inputs, mask: taking.mask });
  tell();
}

function tell() {
  const editing = inputs.count() > 0;
  by("draw-button").querySelector("[data-part='label']").textContent = t(editing ? "edit" : "draw");
  by("prompt").placeholder = t(editing ? "describeEdit" : "describe");
  for (const option of by("engine").options)
    option.disabled = !fits(engines.find((one) => one.id === Number(option.value)));
}

/** Input pictures came or went: an engine that cannot edit gives way to one that can, and back. */
function inputsChanged() {
  const better = inputs.count() ? editor() : engines.find((one) => one.id === Number(draw.dataset.first));
  if (!fits(engine()) && better) choose(better.id);
  tell();
}

async function modelChanged() {
  const query = new URLSearchParams({ engine: engine().id, model: by("model").value });
  const told = await part(`${draw.dataset.abilities}?${query}`).catch(() => undefined);
  if (told) show({ ...JSON.parse(told) });
}

let offered; // the engine whose models are listed
async function offerModels() {
  if (!by("more-options").open || !abilities.has_models || offered === engine().id) return;
  offered = engine().id;
  const told = await part(`/api/v1/images/models?engine=${offered}`).catch(() => "[]"); // one can still write its name
  if (offered === engine().id)
    by("models").replaceChildren(...JSON.parse(told).map(({ id, name }) => new Option(name, id)));
}

// --- Shape and count -----------------------------------------------------------------------------------------------------

function showShapes() {
  const chosen = size();
  const group = abilities.groups.find((one) => one.name === by("resolution").value) ?? abilities.groups[0];
  const all = [{ value: "", word: t("automatic"), shape: abilities.standard.replace("x", " × ") }];
  if (abilities.auto) all.push({ value: "auto", word: t("auto") });
  all.push(...(group?.sizes ?? []));
  if (abilities.own_size) all.push({ value: "own", word: t("ownSize") });
  by("shapes").replaceChildren(...all.map(shapeOf));
  const wanted = all.some((one) => one.value === chosen) ? chosen : "";
  by("shapes").querySelector(`input[value="${wanted}"]`).checked = true;
  for (const id of ["own-width", "own-height"]) by(id).step = abilities.step;
  showOwnSize();
}

function shapeOf({ value, word, shape = "", width, height }) {
  const label = by("shape-template").content.firstElementChild.cloneNode(true);
  label.querySelector("input").value = value;
  label.querySelector("[data-part='word']").textContent = width && shape ? shape : word;
  label.title = [width && shape ? word : shape, width ? `${width} × ${height}` : ""].filter(Boolean).join(" · ");
  if (width) {
    label
      .querySelector("input")
      .setAttribute("aria-label", [word, shape, `${width} × ${height}`].filter(Boolean).join(", "));
    const scale = 18 / Math.max(width, height);
    const box = {
      width: width * scale,
      height: height * scale,
      x: 12 - (width * scale) / 2,
      y: 12 - (height * scale) / 2,
    };
    for (const [name, number] of Object.entries(box)) label.querySelector("rect").setAttribute(name, number.toFixed(1));
  } else label.querySelector("svg").remove();
  return label;
}

const size = () => by("shapes").querySelector("input:checked")?.value ?? "";

function showOwnSize() {
  by("own-size").hidden = size() !== "own";
  for (const id of ["own-width", "own-height"]) by(id).disabled = by("own-size").hidden;
}

function setCount(count) {
  by("count").value = Math.min(Number(by("count").max), Math.max(1, count || 1));
}

// --- Asking --------------------------------------------------------------------------------------------------------------

function values() {
  const own = size() === "own" ? `${by("own-width").value}x${by("own-height").value}` : size();
  const wish = { prompt: by("prompt").value, engine: String(engine().id), n: number("count"), size: own };
  if (abilities.has_models) wish.model = by("model").value.trim();
  if (abilities.negative) wish.negative_prompt = by("negative").value;
  if (abilities.steps) wish.steps = number("steps");
  if (abilities.seed) wish.seed = by("seed").value || undefined; // a text: seeds are larger than a script's whole numbers
  return wish;
}

async function submit() {
  if (!by("prompt").value.trim()) return by("prompt").focus();
  if (asking) return;
  asking = true; // once is enough
  by("draw-button").setAttribute("aria-disabled", "true");
  by("draw-error").hidden = true;
  try {
    await ask({ ...values(), ...(await inputs.wish()) });
    announce(t("started"));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    showError(error);
  } finally {
    asking = false;
    by("draw-button").removeAttribute("aria-disabled");
  }
}

/** Make a job of this wish and show it; throws ApiError. */
export async function ask(wish) {
  const said = JSON.stringify(wish);
  if (unanswered?.said !== said) unanswered = { said, key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
  try {
    const job = await post("/api/v1/images/jobs", wish, { "Idempotency-Key": unanswered.key });
    unanswered = undefined;
    await jobs.show(job.id);
  } catch (error) {
    if (error.status) unanswered = undefined; // refused: the next attempt is a new one
    throw error;
  }
}

function showError({ message, provider }) {
  const box = by("draw-error");
  box.querySelector("[data-part='text']").textContent = message || t("noAnswer");
  box.querySelector("[data-part='words']").textContent = provider ?? "";
  box.querySelector("[data-part='words']").hidden = !provider || provider === message;
  box.hidden = false;
}

/** Put an earlier wish into the form, to be changed and asked again. */
export function fill(wish) {
  inputs.replace(wish.image ?? []);
  if (engines.some((one) => String(one.id) === wish.engine)) choose(Number(wish.engine));
  by("prompt").value = wish.prompt;
  by("negative").value = wish.negative_prompt ?? "";
  by("steps").value = wish.steps ?? "";
  by("model").value = wish.model && wish.model !== abilities.model ? wish.model : "";
  const known =
    by("shapes").querySelector(`input[value="${wish.size ?? ""}"]`) ?? by("shapes").querySelector("input[value='own']");
  if (known) known.checked = true;
  if (known?.value === "own") [by("own-width").value, by("own-height").value] = wish.size.split("x");
  showOwnSize();
  focus();
}

export function focus() {
  draw.scrollIntoView({ block: "nearest" });
  by("prompt").focus();
}
