"""What a provider calls unknown in a chat is left out, and remembered for its model there; so are values that the model
does not take, such as a temperature that is not 1.

Only parameters that change an answer little: without `tools` or `response_format` it would be another answer, and a
name that nobody knows may be a slip of the caller, who wants to read of it. What is learnt stays in memory at once, and
in the row of the source for other processes and for later; an administrator removes it there. Values stay in memory
alone: the next configuration asks again.
"""

from providers import json_bodies
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
# Those of which a model may take some values and not others.
VALUES = frozenset(("temperature", "top_p", "reasoning_effort", "reasoning", "verbosity", "service_tier"))
MOST, LONGEST = 100, 200  # values of a source, and characters of one


def learn(
    operation: Operation, body: Body, response: RelayResponse, *, route: Route, source: Source, caller: Caller
) -> set[str]:
    """The parameters that this response refuses, or whose values, and that the next try leaves out. Empty for any other
    response.

    `body` is the caller's.
    """
    if response.status not in (400, 422) or not source.connection.learn_params:
        return set()
    translation = translated.translation_for(operation, source.connection)
    asked = operation if translation is None else BY_DIALECT[translation.dialect]
    if CHAT not in (operation, asked):
        return set()
    sent = payload.rewrite(operation, body, route=route, source=source, caller=caller, translation=translation)
    own = {*source.connection.extra_params, *route.extra_params}  # an administrator's own stay
    refusal = error_bodies.read(response.refusal)
    names = error_bodies.unknown_parameters(refusal, set(sent) & LEARNT - own) - source.unknown
    if names:
        source.unknown.update(names)
        background.write(lambda: _keep(source), what="what a provider calls unknown")
    name = error_bodies.unsupported_value(refusal, set(sent) & VALUES - own)
    if name and len(source.refused) < MOST:
        value = (name, json_bodies.dumps(sent[name]).decode())
        if value not in source.refused and len(value[1]) <= LONGEST:
            source.refused.add(value)
            return names | {name}
    return names


def _keep(source: Source) -> None:
    rows = ModelSource.objects.quietly().filter(connection_id=source.connection.id, upstream_id=source.upstream_id)
    for row in rows:
        rows.filter(pk=row.pk).update(unknown_params=sorted({*row.unknown_params, *source.unknown} & LEARNT))
