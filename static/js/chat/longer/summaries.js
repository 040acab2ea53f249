// The beginning of a long chat in few words, and back again. Loaded when one of these is asked for.
import { post, remove, tellRefusal } from "../../common/api.js";
import { t } from "../../common/text.js";
import { toast } from "../../common/toast.js";
import * as thread from "../thread.js";

/** @param {HTMLElement} button */
export async function act(button) {
  const mark = button.closest(".summary-mark");
  button.toggleAttribute("disabled", true);
  try {
    if (mark instanceof HTMLElement) {
      await remove(mark.dataset.url ?? "");
      await thread.refresh();
    } else {
      await post(thread.apiUrl("/summaries"));
      toast(t("summarising"));
    }
  } catch (error) {
    tellRefusal(error);
  } finally {
    button.toggleAttribute("disabled", false);
  }
}
