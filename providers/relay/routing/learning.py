"""What a provider calls unknown in a chat is left out, and remembered for its model there.

Only parameters that change an answer little: without `tools` or `response_format` it would be another answer, and a
name that nobody knows may be a slip of the caller, who wants to read of it. What is learnt stays in memory at once, and
in the row of the source for other processes and for later; an administrator removes it there.
"""

from providers.facts import Caller, Route, Source
from providers.models import ModelSource
from providers.process import background
from providers.relay import payload, translated
from providers.relay.operations import BY_DIALECT, CHAT, Operation
from providers.relay.response import RelayResponse
from providers.relay.rules import Body
from providers.upstream import error_bodies

# docs/upstreams/openai.md, “Chat request”, and the names of servers that are like it.
LEARNT = frozenset(
    """
    temperature top_p top_k min_p typical_p frequency_penalty presence_penalty repetition_penalty logit_bias seed user
    safety_identifier prompt_cache_key prompt_cache_retention store metadata service_tier reasoning_effort reasoning
    verbosity parallel_tool_calls prediction stream_options max_tokens max_completion_tokens
    """.split()  # noqa: SIM905  names read better than quoted names
)


def learn(
    operation: Operation, body: Body, response: RelayResponse, *, route: Route, source: Source, caller: Caller
) -> set[str]:
    """The parameters that this response calls unknown and that the next try leaves out. Empty for any other response.

    `body` is the caller's.
    """
    if response.status not in (400, 422) or not source.connection.learn_params:
        return set()
    translation = translated.translation_for(operation, source.connection)
    asked = operation if translation is None else BY_DIALECT[translation.dialect]
    if CHAT not in (operation, asked):
        return set()
    sent = set(payload.rewrite(operation, body, route=route, source=source, caller=caller, translation=translation))
    optional = sent & LEARNT - {*source.connection.extra_params, *route.extra_params}  # an administrator's own stay
    names = error_bodies.unknown_parameters(error_bodies.read(response.refusal), optional) - source.unknown
    if names:
        source.unknown.update(names)
        background.write(lambda: _keep(source), what="what a provider calls unknown")
    return names


def _keep(source: Source) -> None:
    rows = ModelSource.objects.quietly().filter(connection_id=source.connection.id, upstream_id=source.upstream_id)
    for row in rows:
        rows.filter(pk=row.pk).update(unknown_params=sorted({*row.unknown_params, *source.unknown} & LEARNT))
