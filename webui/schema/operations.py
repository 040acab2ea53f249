"""The names and groups of operations in the schema."""

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema

# The start of a path, without its slash, and its heading.
HEADINGS = [
    ("v1", "OpenAI-compatible"),
    ("openai/config", "Administration"),
    ("openai/verify", "Administration"),
    ("openai", "OpenAI-compatible"),
    ("api/models", "OpenAI-compatible"),
    ("api/chat/completions", "Chats"),
    ("api/tasks", "Chats"),
    ("api/v1/chats", "Chats"),
    ("api/v1/preferences", "Chats"),
    ("api/v1/memories", "Chats"),
    ("api/v1/images/config", "Administration"),
    ("api/v1/images/verify", "Administration"),
    ("api/v1/images", "Pictures"),
    ("api/v1/tasks/image_prompt", "Pictures"),
    ("api/v1/tasks", "Chats"),
    ("api/v1/files", "Files"),
]


class SiteSchema(AutoSchema):  # type: ignore[misc]
    def get_operation_id(self) -> str:
        """A unique id from path and method: `/v1/models/{model_id}` → `v1_models_by_model_id_get`."""
        path = re.sub(r"\{(\w+)\}", r"by_\1", self.path)
        words = re.sub(r"\W+", "_", path).strip("_")
        return f"{words}_{self.method.lower()}"

    def get_tags(self) -> list[Any]:
        path = self.path.strip("/")
        return [next((heading for start, heading in HEADINGS if path.startswith(start)), "Other")]
