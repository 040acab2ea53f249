"""The run of a deletion: what a person chose of what they have; the account itself stays."""

from typing import Any

from chat import events
from chat.belongings import table
from chat.transfers import Work


def run(work: Work) -> dict[str, Any]:
    """Delete the chosen things for good; returns how many of each there were."""
    chosen = [belonging for belonging in table.all_of() if belonging.name in work.row.options.get("sections", [])]
    counts: dict[str, int] = dict(work.row.report.get("counts", {}))
    for number, belonging in enumerate(chosen):
        counts[belonging.name] = counts.get(belonging.name, 0) + belonging.erase(work.row.user_id, work.beat)
        work.beat(share=round((number + 1) / len(chosen), 3))
    events.emit_soon(work.row.user_id, type="chat:list", data={})
    return {"counts": counts}
