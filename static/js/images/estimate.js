// What is known before a picture is drawn: how long it takes, what it costs, who comes first. Asked for when that may have
// changed, once in a while and never twice at once.
import { get } from "../common/api.js";
import { partOf } from "../common/dom.js";
import { inRounds } from "../common/rounds.js";
import { on } from "../common/socket.js";

const PAUSE = 300; // milliseconds in which one goes on changing the form
const OPEN = ["queued", "running"];

/**
 * The estimate of a request; undefined where it cannot be had, as for one that no engine can express.
 * @param {Partial<ImageRequest>} request
 * @returns {Promise<Estimate | undefined>}
 */
export const of = ({ engine, model, size, shape, n, steps, image, params }) => {
  const asked = Object.entries({
    engine,
    model,
    size,
    shape,
    n,
    steps,
    quality: params?.quality,
    images: image?.length,
  });
  const query = new URLSearchParams(asked.flatMap(([name, value]) => (value ? [[name, String(value)]] : [])));
  return get(`/api/v1/images/estimate?${query}`).catch(() => undefined);
};

/**
 * Show the estimate in a line, and again whenever a job ends. → a function to call when the request may be another one.
 * @param {() => HTMLElement | undefined} line
 * @param {() => Partial<ImageRequest> | undefined} wanted undefined: nothing is to be drawn
 */
export function watch(line, wanted) {
  const round = inRounds(async () => {
    const request = wanted();
    const estimate = request && (await of(request));
    const holder = line();
    if (holder && JSON.stringify(request) === JSON.stringify(wanted())) show(holder, estimate);
  });
  /** @type {number | undefined} */
  let timer;
  const look = () => {
    clearTimeout(timer);
    timer = setTimeout(round, PAUSE);
  };
  on("image:job", (_event, { state = "" }) => OPEN.includes(state) || look());
  look();
  return look;
}

/**
 * @param {HTMLElement} holder
 * @param {Estimate | undefined} estimate
 */
export function show(holder, estimate) {
  const budgets = (estimate?.budgets ?? []).join(" ");
  partOf(holder, "words").textContent = estimate?.words ?? "";
  partOf(holder, "budgets").textContent = budgets;
  holder.classList.toggle("known", Boolean(estimate?.words || budgets));
}
