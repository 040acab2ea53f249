"""ComfyUI's refusals and failed runs as our errors: node by node, in its words, without paths and tracebacks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from imagegen import workflow
from imagegen.engines import own_servers
from providers import json_bodies
from providers.errors import ProviderError
from providers.http import BlockingResponse
from providers.sentences import sentence as _
from providers.upstream import error_bodies, words

MOST_NODES = 5  # named in one error
REFUSALS: dict[int, own_servers.Refusal] = {
    401: ("invalid_api_key", gettext_lazy("The server does not accept the key of this engine."), False),
    403: ("permission_denied", gettext_lazy("The server, or the proxy in front of it, denies access."), False),
    404: ("not_found", gettext_lazy("There is no ComfyUI at this address, or the file no longer exists."), False),
    504: ("upstream_unavailable", gettext_lazy("A proxy in front of the server cannot reach it."), True),
}


def refusal(
    response: BlockingResponse, graph: workflow.Graph | None = None, nodes: Sequence[workflow.NodeValue] = ()
) -> ProviderError:
    """A response of 400 and above as our error. Many have no body; after a fault of the server it is plain text."""
    body = _object(response.content)
    if response.status == 400 and body:
        return refused_workflow(body, graph or {}, nodes)
    code, sentence, retryable = own_servers.refusal(response.status, REFUSALS)
    return ProviderError(
        sentence,
        code=code,
        provider=error_bodies.provider_words(response.content) if body else words.clean(response.text),
        retryable=retryable,
        retry_after=error_bodies.wait_of(response.headers),
        status=response.status,
    )


# --- refused workflows ------------------------------------------------------------------------------------------------


def refused_workflow(
    body: Mapping[str, Any], graph: workflow.Graph, nodes: Sequence[workflow.NodeValue] = ()
) -> ProviderError:
    """The error for a `POST /prompt` that was not queued, or was queued without some of its outputs."""
    error = body.get("error")
    error = error if isinstance(error, Mapping) else {"message": str(error or "")}  # very old servers: a text
    by_node = body.get("node_errors")
    node_errors = list(_node_errors(by_node, graph)) if isinstance(by_node, Mapping) else []
    message, details = str(error.get("message") or ""), str(error.get("details") or "")
    text = "; ".join(node_error.sentence for node_error in node_errors[:MOST_NODES]) or f"{message} {details}".strip()
    kind = str(error.get("type") or "refused")
    codes = {node_error.code for node_error in node_errors}
    code, param = codes.pop() if len(codes) == 1 else kind, None
    models = set(workflow.mapped(nodes, "model"))
    if any(
        node_error.code == "value_not_in_list" and (node_error.node_id, node_error.input_name) in models
        for node_error in node_errors
    ):
        code, param = "model_not_found", "model"
        sentence = _("The server does not have this model.")
    elif not by_node and kind == "prompt_outputs_failed_validation":
        code = "dependency_cycle"  # old servers give no other reason
        sentence = _("The workflow's nodes depend on each other in a circle.")
    elif kind == "missing_node_type" or (kind == "invalid_prompt" and "does not exist" in message):
        code = "missing_node_type"
        sentence = _("The workflow has a node type that is not installed on the server.")
    elif kind == "prompt_no_outputs":
        sentence = _("The workflow has no node that saves a picture.")
    elif code == "value_not_in_list":
        sentence = _("The server does not have a file or a value that the workflow names.")
    else:
        sentence = _("The server refused the workflow.")
    return ProviderError(sentence, code=code, param=param, provider=words.clean(text), status=400)


@dataclass(frozen=True, slots=True)
class _NodeError:
    code: str
    node_id: str
    input_name: str
    sentence: str


def _node_errors(by_node: Mapping[str, Any], graph: workflow.Graph) -> Iterator[_NodeError]:
    """Every error of every node. Names come from `extra_info`: the wording of `details` differs between versions."""
    for node_id, entry in by_node.items():
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
    """Whether an `execution_error` reports a blocked branch, after which the run goes on."""
    return "ExecutionBlocked" in str(event.get("exception_type"))


def failed_run(event: Mapping[str, Any], graph: workflow.Graph) -> ProviderError:
    """An `execution_error`, from the socket or from history."""
    kind, message = str(event.get("exception_type") or ""), str(event.get("exception_message") or "")
    node_id = str(event.get("node_id") or "")
    node = workflow.title(graph, node_id) if node_id in graph else str(event.get("node_type") or node_id)
    text = words.clean(f"{node}: {message.strip() or kind}")
    if own_servers.is_out_of_memory(kind, message):
        code, sentence, _retryable = own_servers.OUT_OF_MEMORY
        return ProviderError(sentence, code=code, provider=text)
    if "UnidentifiedImageError" in kind:
        return ProviderError(_("The server cannot read the input picture."), code="invalid_image", provider=text)
    return ProviderError(_("A node of the workflow failed."), code="execution_error", provider=text)


def interrupted() -> ProviderError:
    return ProviderError(_("Somebody interrupted the picture on the server."), code="interrupted")


def vanished(*, restarted: bool) -> ProviderError:
    """The error for a prompt that is in neither queue nor history. Trying again is safe only after a restart."""
    if restarted:
        sentence = _("The server was restarted and lost the picture.")
        return ProviderError(sentence, code="upstream_restarted", retryable=True)
    return ProviderError(_("Somebody removed the picture from the server's queue."), code="cancelled_upstream")


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(content: bytes) -> dict[str, Any]:
    try:
        body = json_bodies.parse_response(content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
