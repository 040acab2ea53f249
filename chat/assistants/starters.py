"""The suggestions on the page of a new chat with an assistant: its own, before all others."""

from chat.models import Assistant
from chat.pages.welcome import Visit
from chat.pipeline import Starter


def own_starters(visit: Visit) -> list[Starter]:
    """One query for an assistant, none for other models."""
    if visit.model is None or visit.model.needs is None:
        return []
    rows = Assistant.objects.filter(model__public_id=visit.model.public_id)
    texts = rows.values_list("starters", flat=True).first() or []
    return [Starter("message-square", text, "", prompt=text) for text in texts]
