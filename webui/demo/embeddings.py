"""The demo's embeddings: vectors of texts with common words are close. They carry no other meaning."""

import base64
import hashlib
import math
import struct
from itertools import pairwise
from typing import Any

from webui.demo.answers import MODEL, PIECE
from webui.demo.request_bodies import Refused, filled

SIZE, LARGEST = 256, 4096  # numbers of a vector
MOST_INPUTS = 2048  # as at OpenAI
MOST_NUMBERS = 2**20  # of all vectors of an answer


def embed(payload: dict[str, Any]) -> dict[str, Any]:
    """The vectors of the request's texts, or lists of tokens. Raises Refused."""
    given = filled(payload, "input", str, list)
    is_one = isinstance(given, str) or isinstance(given[0], int)
    inputs: list[Any] = [given] if is_one else given
    if len(inputs) > MOST_INPUTS or not all(_is_input(value) for value in inputs):
        raise Refused(400, "“input” must be a text, a list of texts, or lists of tokens.", "invalid_value", "input")
    size = payload.get("dimensions", SIZE)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST:
        raise Refused(400, f"“dimensions” must be between 1 and {LARGEST}.", "invalid_value", "dimensions")
    if len(inputs) * size > MOST_NUMBERS:
        raise Refused(400, f"At most {MOST_NUMBERS} numbers in all: send fewer texts.", "invalid_value", "input")
    packed = payload.get("encoding_format") == "base64"
    words = [_words(value) for value in inputs]
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else vector}
        for index, vector in enumerate(_vector(each, size) for each in words)
    ]
    tokens = sum(map(len, words))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": MODEL, "usage": usage}


def _is_input(value: Any) -> bool:
    return bool(value) and (isinstance(value, str) or (isinstance(value, list) and all(type(v) is int for v in value)))


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [piece.strip().lower() for piece in PIECE.findall(value)]
    return [str(token) for token in value]


def _vector(words: list[str], size: int) -> list[float]:
    """A unit vector: each word and each pair of neighbouring words adds or subtracts 1 at an index of its own."""
    vector = [0.0] * size
    for feature in [*words, *map(" ".join, pairwise(words))]:
        number = int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "replace"), digest_size=8).digest())
        vector[number // 2 % size] += 1.0 if number % 2 else -1.0
    length = math.hypot(*vector)
    if not length:  # two words can cancel each other out
        vector[0] = length = 1.0
    return [value / length for value in vector]


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
