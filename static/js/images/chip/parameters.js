// The model and its parameters in the menu of the chip *Picture*. They come when it is opened.
import { insert } from "../../chat/composer.js";
import { get } from "../../common/api.js";
import { clone, partOf } from "../../common/dom.js";
import { t } from "../../common/text.js";
import { fieldsIn } from "../parameters.js";

/** @typedef {import("../conversation.js").PictureChoice} PictureChoice */

/**
 * Fill a part of the menu, for the first engine.
 * @param {HTMLElement} holder
 * @param {{ now: () => PictureChoice, changed: (choice: PictureChoice) => void }} tab what the tab has chosen
 * @returns {(engine: string, isEdit: boolean) => Promise<void>} a function that makes it fit another engine or task
 */
export function fill(holder, { now, changed }) {
  const model = modelField();
  const box = document.createElement("div");
  holder.replaceChildren(model.field, box);
  const fields = fieldsIn(box, { changed: () => {}, insert });
  let engine = "";

  const tell = () => {
    const words = [model.select.value, fields.words()].filter(Boolean).join(" · ");
    changed({ engine, model: model.select.value || undefined, params: fields.chosen(), words });
    holder.hidden = model.field.hidden && box.hidden;
  };
  const offer = () => fields.offer({ engine, model: model.select.value });
  model.select.addEventListener("change", offer);
  holder.addEventListener("change", async () => {
    await offer(); // asks only for another model
    tell();
  });

  return async (wanted, isEdit) => {
    engine = wanted;
    const before = now().engine === engine ? now() : undefined;
    await model.offer(engine, before?.model ?? "");
    if (before?.params) fields.use(before.params);
    fields.edits(isEdit);
    await offer();
    tell();
  };
}

/** A choice among the models of an engine; hidden where there is nothing to choose. */
function modelField() {
  const field = clone("parameter-template");
  const select = document.createElement("select");
  Object.assign(select, { id: "parameter-model", className: "input" });
  const label = partOf(field, "label", HTMLLabelElement);
  Object.assign(label, { textContent: t("model"), htmlFor: select.id });
  label.after(select);
  partOf(field, "help").remove();
  field.hidden = true;
  /** @type {string | undefined} */
  let of;

  /**
   * @param {string} engine
   * @param {string} wanted
   */
  async function offer(engine, wanted) {
    if (of === engine) return;
    of = engine;
    const query = new URLSearchParams(engine ? { engine } : {});
    const models = await get(`/api/v1/images/models?${query}`).catch(() => []);
    if (of !== engine) return;
    const options = models.map((/** @type {{ id: string, name: string }} */ { id, name }) => new Option(name, id));
    select.replaceChildren(new Option(t("usualModel"), ""), ...options);
    select.value = wanted;
    if (!select.value) select.value = "";
    field.hidden = !options.length;
  }
  return { field, select, offer };
}
