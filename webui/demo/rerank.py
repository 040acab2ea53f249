"""The demo's reranking: documents that share words with the query come first."""

from typing import Any

from webui.demo.answers import MODEL
from webui.demo.embeddings import embed
from webui.demo.request_bodies import Refused, filled

MOST_DOCUMENTS = 1000  # Cohere advises no more


def rank(payload: dict[str, Any]) -> dict[str, Any]:
    """The documents of the request by their relevance, in the form of Jina and Cohere. Raises Refused."""
    query = filled(payload, "query", str)
    texts = [_text(document) for document in filled(payload, "documents", list)]
    if len(texts) > MOST_DOCUMENTS or not all(isinstance(text, str) and text for text in texts):
        words = f"“documents” must be at most {MOST_DOCUMENTS} texts, or objects with a “text”."
        raise Refused(400, words, "invalid_value", "documents")
    most = payload.get("top_n") or len(texts)
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise Refused(400, "“top_n” must be a number of documents.", "invalid_value", "top_n")
    answer = embed({"input": [query, *texts]})
    asked, *vectors = (row["embedding"] for row in answer["data"])
    scores = [max(0.0, sum(a * b for a, b in zip(asked, vector, strict=True))) for vector in vectors]
    order = sorted(range(len(texts)), key=lambda index: -scores[index])[:most]
    with_text = payload.get("return_documents") is True
    results = [
        {
            "index": index,
            "relevance_score": scores[index],
            **({"document": {"text": texts[index]}} if with_text else {}),
        }
        for index in order
    ]
    return {"object": "list", "model": MODEL, "usage": answer["usage"], "results": results}


def _text(document: Any) -> Any:
    return document.get("text") if isinstance(document, dict) else document
