// How full the model's context is: what its last answer told, of what the chosen model reads at once.
import { all, byId, child, closest, find, partOf } from "../../common/dom.js";
import { on } from "../../common/socket.js";
import { t } from "../../common/text.js";
import { toast } from "../../common/toast.js";
import * as thread from "../thread.js";

const SHOWN = 50; // percent from which it is shown
const NEAR = 80; // and from which something should be done

export function start() {
  for (const name of ["thread:changed", "model:changed", "chat:opened"]) document.addEventListener(name, show);
  document.addEventListener("click", (event) => {
    const action = closest(event, "[data-action='summarise'], [data-action='undo-summary']");
    if (!action) return;
    import("./summaries.js").then(
      (summaries) => summaries.act(action),
      () => toast(t("noAnswer")),
    );
  });
  on("chat:summary", ({ chat_id: id }, { status }) => {
    if (id !== thread.chatId()) return;
    toast(status === "done" ? t("summarised") : t("notSummarised"));
  });
}

/** A main part was put in place, or its messages changed. */
export function show() {
  const gauge = byId("gauge");
  const length = Number(byId("picker-button").dataset.length);
  const last = all(".message[data-tokens]", thread.element()).at(-1);
  const summary = find(".summary-mark", thread.element())?.closest(".message");
  const isOlder = summary && last && !(summary.compareDocumentPosition(last) & Node.DOCUMENT_POSITION_FOLLOWING);
  const tokens = isOlder ? 0 : Number(last?.dataset.tokens);
  const percent = length ? Math.min(100, Math.round((100 * tokens) / length)) : 0;
  const isNear = percent >= NEAR;
  gauge.hidden = !(percent >= SHOWN);
  if (gauge.hidden) return;
  gauge.classList.toggle("near", isNear);
  child(gauge, "meter", HTMLMeterElement).value = percent;
  const words = partOf(gauge, "words");
  const text = t(isNear ? "nearlyFull" : "filled", { share: `${percent} %` });
  if (words.textContent !== text) words.textContent = text;
  child(gauge, "button").hidden = !isNear;
}
