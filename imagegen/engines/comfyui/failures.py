"""ComfyUI's refusals and failed runs as our errors: node by node, in its own words, without paths and tracebacks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.utils.translation import gettext as _

from imagegen import workflow
from providers.errors import ProviderError
from providers.http import BlockingResponse
from providers.upstream import error_bodies, words

OUT_OF_MEMORY = "out_of_memory"
MOST_NODES = 5  # told in one error


def refusal(
    answer: BlockingResponse, graph: workflow.Graph | None = None, nodes: Sequence[workflow.NodeValue] = ()
) -> ProviderError:
    """An answer of 400 and above. Bodies are empty for many of them, and plain text where the server stumbled."""
    wait = error_bodies.wait_of(answer.headers)
    body = _object(answer.content)
    if answer.status == 400 and body:
        return refused_workflow(body, graph or {}, nodes)
    code, sentence, retryable = _by_status(answer.status)
    said = words.clean(answer.text) if not body else error_bodies.provider_words(answer.content)
    return ProviderError(
        sentence, code=code, provider=said, retryable=retryable, retry_after=wait, status=answer.status
    )


def _by_status(status: int) -> tuple[str, str, bool]:
    if status == 401:
        return "invalid_api_key", _("The server does not accept the key of this engine."), False
    if status == 403:
        return "permission_denied", _("The server, or the proxy in front of it, does not let us in."), False
    if status == 404:
        return "not_found", _("There is no ComfyUI at this address, or the file is gone."), False
    if status == 413:
        return "request_too_large", _("The server does not take so large a file."), False
    if status == 429:
        return "rate_limit_exceeded", _("The server takes no more requests at the moment."), True
    if status in (502, 503, 504):
        return "upstream_unavailable", _("A proxy says that the server is not there."), True
    if status >= 500:
        return "provider_error", _("The server stumbled over the request."), False
    return "refused", _("The server refused the request."), False


# --- refused workflows ------------------------------------------------------------------------------------------------


def refused_workflow(
    body: Mapping[str, Any], graph: workflow.Graph, nodes: Sequence[workflow.NodeValue] = ()
) -> ProviderError:
    """The answer to a `POST /prompt` that was not queued, or was queued without some of its outputs."""
    error = body.get("error")
    error = error if isinstance(error, Mapping) else {"message": str(error or "")}  # very old servers: a text
    found = body.get("node_errors")
    node_errors = found if isinstance(found, Mapping) else {}
    problems = list(_problems(node_errors, graph))
    message, details = str(error.get("message") or ""), str(error.get("details") or "")
    told = "; ".join(one.sentence for one in problems[:MOST_NODES]) or f"{message} {details}".strip()
    kind = str(error.get("type") or "refused")
    codes = {one.code for one in problems}
    code, param = codes.pop() if len(codes) == 1 else kind, None
    models = set(workflow.mapped(nodes, "model"))
    if any(one.code == "value_not_in_list" and (one.node_id, one.input_name) in models for one in problems):
        code, param = "model_not_found", "model"
        sentence = _("The server does not have this model.")
    elif not node_errors and kind == "prompt_outputs_failed_validation":
        code = "dependency_cycle"  # old servers say no more than that
        sentence = _("The workflow's nodes wait for each other in a circle.")
    elif kind == "missing_node_type" or (kind == "invalid_prompt" and "does not exist" in message):
        code = "missing_node_type"
        sentence = _("The workflow has a node type that is not installed on the server.")
    elif kind == "prompt_no_outputs":
        sentence = _("The workflow has no node that saves a picture.")
    elif code == "value_not_in_list":
        sentence = _("The server does not have a file or a value that the workflow names.")
    else:
        sentence = _("The server refused the workflow.")
    return ProviderError(sentence, code=code, param=param, provider=words.clean(told), status=400)


@dataclass(frozen=True, slots=True)
class _NodeError:
    code: str
    node_id: str
    input_name: str
    sentence: str


def _problems(node_errors: Mapping[str, Any], graph: workflow.Graph) -> Iterator[_NodeError]:
    """One of each node's errors. The wording of `details` differs between versions: names come from `extra_info`."""
    for node_id, entry in node_errors.items():
        if not isinstance(entry, Mapping):
            continue
        node = workflow.title(graph, node_id) if node_id in graph else f"{entry.get('class_type', '')} ({node_id})"
        for error in _listed(entry.get("errors")):
            if not isinstance(error, Mapping):
                continue
            extra = error.get("extra_info")
            extra = extra if isinstance(extra, Mapping) else {}
            code, name = str(error.get("type") or ""), str(extra.get("input_name") or "")
            given = f"{name} = {extra['received_value']}" if name and "received_value" in extra else name
            if code == "custom_validation_failed" or not given:
                given = str(error.get("details") or given)
            yield _NodeError(code, node_id, name, f"{node}: {error.get('message')}: {given}".removesuffix(": "))


def dropped_outputs(node_errors: object) -> set[str]:
    """Ids of output nodes that the server left out although it answered 200."""
    if not isinstance(node_errors, Mapping):
        return set()
    return {
        str(output)
        for entry in node_errors.values()
        if isinstance(entry, Mapping)
        for output in _listed(entry.get("dependent_outputs"))
    }


# --- failed runs ------------------------------------------------------------------------------------------------------


def is_only_a_report(event: Mapping[str, Any]) -> bool:
    """A blocked branch is told like an error, but the run goes on."""
    return "ExecutionBlocked" in str(event.get("exception_type"))


def failed_run(event: Mapping[str, Any], graph: workflow.Graph) -> ProviderError:
    """An `execution_error`, from the socket or from history."""
    kind, said = str(event.get("exception_type") or ""), str(event.get("exception_message") or "")
    node_id = str(event.get("node_id") or "")
    node = workflow.title(graph, node_id) if node_id in graph else str(event.get("node_type") or node_id)
    told = words.clean(f"{node}: {said.strip() or kind}")
    if "OutOfMemory" in kind or "out of memory" in said.lower():
        sentence = _("The server's graphics card ran out of memory: a smaller size or fewer pictures may help.")
        return ProviderError(sentence, code=OUT_OF_MEMORY, provider=told)
    if "UnidentifiedImageError" in kind:
        return ProviderError(_("The server cannot read the input picture."), code="invalid_image", provider=told)
    return ProviderError(_("A node of the workflow failed."), code="execution_error", provider=told)


def interrupted() -> ProviderError:
    return ProviderError(_("Somebody interrupted the picture on the server."), code="interrupted")


def vanished(*, restarted: bool) -> ProviderError:
    """Neither queue nor history knows the prompt. Only a restart makes trying again sensible without asking anybody."""
    if restarted:
        sentence = _("The server was restarted and has forgotten the picture.")
        return ProviderError(sentence, code="upstream_restarted", retryable=True)
    return ProviderError(_("Somebody took the picture out of the server's queue."), code="cancelled_upstream")


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(content: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
