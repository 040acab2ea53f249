"""The demo's moderations: it judges nothing, so it finds nothing harmful."""

import uuid
from typing import Any

from webui.demo.answers import MODEL
from webui.demo.request_bodies import filled

CATEGORIES = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm"),
    *("self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic"),
)
RESULT = {
    "flagged": False,
    "categories": dict.fromkeys(CATEGORIES, False),
    "category_scores": dict.fromkeys(CATEGORIES, 0.0),
    "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
}


def moderate(payload: dict[str, Any]) -> dict[str, Any]:
    """One result for each text; a list of parts is one input. Raises Refused."""
    given = filled(payload, "input", str, list)
    count = len(given) if isinstance(given, list) and isinstance(given[0], str) else 1
    return {"id": f"modr-demo-{uuid.uuid4().hex[:12]}", "model": MODEL, "results": [RESULT] * count}
