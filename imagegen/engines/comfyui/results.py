"""A history entry: the files of a prompt, or why it failed. No network."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from imagegen import workflow
from imagegen.engines.comfyui import failures
from providers.errors import GatewayError

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".bmp", ".tif", ".tiff")
PNG = b"\x89PNG\r\n\x1a\n"
PRIVATE_TEXTS = (b"prompt", b"workflow")  # texts that ComfyUI writes into a PNG: the whole graph, file names included


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file in one of the server's folders; `GET /view` wants all three."""

    filename: str
    subfolder: str
    type: str
    node_id: str


def failure(entry: Mapping[str, Any], graph: workflow.Graph) -> GatewayError | None:
    """The error of this entry; None for a run that succeeded.

    `status_str` alone does not tell: a circle that is found while running leaves `success` beside the error.
    """
    status = entry.get("status")
    messages = status.get("messages") if isinstance(status, Mapping) else None
    for message in messages if isinstance(messages, list) else ():
        kind, data = (message[0], message[1]) if isinstance(message, list) and len(message) > 1 else ("", {})
        if not isinstance(data, Mapping):
            continue
        if kind == "execution_error" and not failures.is_only_a_report(data):
            return failures.failed_run(data, graph)
        if kind == "execution_interrupted":
            return failures.interrupted()
    if isinstance(status, Mapping) and status.get("status_str") == "error":
        return failures.failed_run({}, graph)
    return None


def files(entry: Mapping[str, Any], wanted: frozenset[str] = frozenset()) -> list[OutputFile]:
    """The pictures of the wanted output nodes (empty: all), each once.

    Of all nodes only saved files count, if there are any: PreviewImage shows masks and the same pictures again. Of a
    wanted node every file counts.
    """
    files = list(dict.fromkeys(_entries(entry)))
    if wanted:
        return [file for file in files if file.node_id in wanted]
    saved = [file for file in files if file.type == "output"]
    unique = {(file.type, file.subfolder, file.filename): file for file in reversed(saved or files)}
    return list(reversed(unique.values()))


def _entries(entry: Mapping[str, Any]) -> Iterator[OutputFile]:
    outputs = entry.get("outputs")
    for node_id, output in outputs.items() if isinstance(outputs, Mapping) else ():
        for listed in output.values() if isinstance(output, Mapping) else ():
            for item in listed if isinstance(listed, list) else ():
                name = item.get("filename") if isinstance(item, Mapping) else None
                if isinstance(name, str) and name.lower().endswith(PICTURE_SUFFIXES):
                    kind, subfolder = str(item.get("type") or "output"), str(item.get("subfolder") or "")
                    yield OutputFile(name, subfolder, kind, str(node_id))


def graph_of(entry: Mapping[str, Any]) -> workflow.Graph:
    """The graph that was run, as the entry has it; empty when it cannot be read."""
    prompt = entry.get("prompt")
    graph = prompt[2] if isinstance(prompt, list) and len(prompt) > 2 else None
    return workflow.parse(graph) if isinstance(graph, Mapping) and graph else {}


def without_graph(picture: bytes) -> bytes:
    """The picture without the graph that ComfyUI writes into PNG files; nothing else changes."""
    if not picture.startswith(PNG):
        return picture
    view, chunks, start, has_graph = memoryview(picture), [memoryview(PNG)], len(PNG), False
    while start + 12 <= len(picture):
        (length,) = struct.unpack(">I", view[start : start + 4])
        kind, end = bytes(view[start + 4 : start + 8]), start + 12 + length
        name = bytes(view[start + 8 : start + 8 + min(length, 80)]).partition(b"\0")[0]
        if kind in (b"tEXt", b"zTXt", b"iTXt") and name in PRIVATE_TEXTS:
            has_graph = True
        else:
            chunks.append(view[start:end])
        start = end
        if kind == b"IEND":
            break
    return b"".join(chunks) if has_graph else picture
