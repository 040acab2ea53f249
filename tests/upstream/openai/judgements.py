"""What a model says about texts: OpenAI's `/moderations`, and `/rerank` as Jina's and Cohere's servers have it."""

from typing import Any

from tests.upstream.core import Received
from tests.upstream.replies import Reply, in_json

CATEGORIES = ("harassment", "sexual", "violence")  # some of them


def moderate(received: Received) -> Reply:
    """Texts with the word “fight” are violent. OpenAI reports no usage here."""
    asked = received.json if isinstance(received.json, dict) else {}
    given = asked.get("input")
    texts = given if isinstance(given, list) and all(isinstance(one, str) for one in given) else [given]
    return in_json({"id": "modr-1", "model": asked.get("model"), "results": [_result(text) for text in texts]})


def _result(text: Any) -> dict[str, Any]:
    flagged = "fight" in str(text)
    return {
        "flagged": flagged,
        "categories": {name: flagged and name == "violence" for name in CATEGORIES},
        "category_scores": {name: 0.9 if flagged and name == "violence" else 0.01 for name in CATEGORIES},
        "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
    }


def rerank(received: Received) -> Reply:
    """Documents that have most of the query's words first; usage as Jina's, with a total alone."""
    asked = received.json if isinstance(received.json, dict) else {}
    documents = asked.get("documents")
    texts = [str(one) for one in documents] if isinstance(documents, list) else []
    words = str(asked.get("query")).split()
    scores = [sum(word in text for word in words) / max(1, len(words)) for text in texts]
    ranked = sorted(range(len(texts)), key=lambda index: -scores[index])
    results = [{"index": index, "relevance_score": scores[index]} for index in ranked]
    usage = {"total_tokens": len(words) + sum(len(text.split()) for text in texts)}
    return in_json({"model": asked.get("model"), "usage": usage, "results": results})
