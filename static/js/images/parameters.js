// The parameters of a model's own, as its engine and the engine's server offer them: fields that a form carries.
import { get } from "../common/api.js";
import { child, clone, partOf } from "../common/dom.js";
import { t } from "../common/text.js";

/** @typedef {Record<string, string | number | boolean>} Values */

/**
 * The fields in `holder`, which follow the engine and the model.
 * @param {HTMLElement} holder
 * @param {{ changed: () => void, insert: (text: string) => void }} form `insert` puts a text into its prompt
 */
export function fieldsIn(holder, { changed, insert }) {
  /** @type {Parameter[]} */
  let offered = [];
  /** @type {{ engine: string, model: string } | undefined} */
  let asked;
  /** @type {Values | undefined} */
  let wanted; // of an earlier request, until its fields are there
  let isEdit = false;

  /** @param {Parameter} parameter */
  const control = ({ name }) =>
    /** @type {HTMLInputElement | HTMLSelectElement} */ (child(holder, `[data-parameter="${name}"] .input`));
  /**
   * @param {Parameter} parameter
   * @returns {boolean}
   */
  const isMeant = ({ for_edits, needs }) => {
    if (for_edits !== null && for_edits !== isEdit) return false;
    const other = needs && offered.find(({ name }) => name === needs.name);
    return !other || Boolean(isMeant(other) && needs.values.includes(control(other).value));
  };

  function follow() {
    for (const parameter of offered) {
      const isShown = isMeant(parameter);
      child(holder, `[data-parameter="${parameter.name}"]`).hidden = !isShown;
      control(parameter).disabled = !isShown;
    }
    holder.hidden = !offered.some(isMeant);
    changed();
  }

  /** @param {Values} values */
  function set(values) {
    for (const parameter of offered) {
      const field = control(parameter);
      field.value = String(values[parameter.name] ?? "");
      if (!field.value) field.value = ""; // a choice that is not offered any more
    }
    follow();
  }

  /** @param {Parameter[]} parameters */
  function show(parameters) {
    offered = parameters;
    holder.replaceChildren(...offered.map(fieldOf));
    const last = offered.flatMap(({ name, last }) => (last === null ? [] : [[name, last]]));
    set(wanted ?? Object.fromEntries(last));
    wanted = undefined;
  }

  holder.addEventListener("change", ({ target }) => {
    const parameter = offered.find((parameter) => control(parameter) === target);
    if (parameter?.insert && target instanceof HTMLSelectElement && target.value) {
      insert(parameter.insert.replace("{}", target.value));
      target.value = "";
    }
    follow();
  });

  return {
    /**
     * Ask what this engine and model take; what comes late is for nobody.
     * @param {{ engine: string, model: string } | undefined} of undefined: nothing
     */
    async offer(of) {
      if (of && asked && of.engine === asked.engine && of.model === asked.model) return;
      asked = of;
      show([]);
      if (!of) return;
      const answer = await get(`/api/v1/images/parameters?${new URLSearchParams(of)}`).catch(() => undefined);
      if (asked !== of) return;
      if (!answer) asked = undefined; // the next look asks again
      show(answer?.parameters ?? []);
      if (answer?.problem) holder.append(problemOf(answer.problem));
      holder.hidden &&= !answer?.problem;
    },
    /** @param {boolean} editing whether pictures are edited */
    edits(editing) {
      isEdit = editing;
      follow();
    },
    /** What is chosen, for `params`; undefined for nothing. */
    chosen() {
      const pairs = offered.flatMap((parameter) => {
        const { value } = control(parameter);
        return value && !parameter.insert && isMeant(parameter) ? [[parameter.name, sentFor(parameter, value)]] : [];
      });
      return pairs.length ? Object.fromEntries(pairs) : undefined;
    },
    /** What is chosen, in words. */
    words: () =>
      offered
        .filter((parameter) => control(parameter).value && isMeant(parameter))
        .map((parameter) => wordsOf(parameter, control(parameter).value))
        .join(" · "),
    /**
     * Choose the values of an earlier request, now or once the fields are there.
     * @param {Values} values
     */
    use(values) {
      if (offered.length) set(values);
      else wanted = values;
    },
  };
}

/**
 * @param {Parameter} parameter
 * @param {string} value
 */
const sentFor = ({ kind }, value) => (kind === "number" ? Number(value) : kind === "flag" ? true : value);

/**
 * @param {Parameter} parameter
 * @param {string} value
 */
const wordsOf = ({ kind, label, choices }, value) =>
  kind === "choice"
    ? (choices.find((choice) => choice.value === value)?.label ?? value)
    : kind === "flag"
      ? label
      : `${label} ${value}`;

/** @param {Parameter} parameter */
function fieldOf(parameter) {
  const field = clone("parameter-template");
  const { name, label, help, kind, low, high, step } = parameter;
  field.dataset.parameter = name;
  const id = `parameter-${name}`;
  const control = document.createElement(kind === "number" ? "input" : "select");
  Object.assign(control, { id, className: "input" });
  if (control instanceof HTMLInputElement) {
    Object.assign(control, { type: "number", min: low, max: high, step, placeholder: t("automatic") });
    control.inputMode = "decimal";
  } else control.append(...optionsOf(parameter).map(([value, word]) => new Option(word, value)));
  const words = partOf(field, "label", HTMLLabelElement);
  words.textContent = label;
  words.htmlFor = id;
  words.after(control);
  const more = partOf(field, "help");
  if (help) {
    more.textContent = help;
    more.id = `${id}-help`;
    control.setAttribute("aria-describedby", more.id);
  } else more.remove();
  return field;
}

/**
 * @param {Parameter} parameter
 * @returns {[string, string][]}
 */
function optionsOf({ kind, choices }) {
  const usual = { choice: t("automatic"), flag: t("off"), insert: t("choose") }[String(kind)] ?? "";
  const further = kind === "flag" ? [{ value: "true", label: t("on") }] : choices;
  return [["", usual], ...further.map(({ value, label }) => /** @type {[string, string]} */ ([value, label]))];
}

/** @param {string} problem */
function problemOf(problem) {
  const line = document.createElement("p");
  line.className = "help option-wide";
  line.textContent = problem;
  return line;
}
