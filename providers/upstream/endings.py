"""How an answer of a model may end: the words of `finish_reason`, and the error of an answer that ended badly."""

from providers.errors import ProviderError
from providers.sentences import sentence as _

# Every other word is a provider's own for a failure, such as `network_error`: docs/upstreams/openai.md, “Chat stream”.
ORDINARY = frozenset({"stop", "length", "tool_calls", "function_call", "content_filter"})
CONTEXT_EXCEEDED = "model_context_window_exceeded"  # the same request would end so again


def ended_early(reason: str, words: str) -> ProviderError:
    """The error of an answer that ended with another word than an ordinary one; `words` are shown as the provider's."""
    return ProviderError(
        _("The provider ended the answer early."),
        code="ended_early",
        provider=words,
        retryable=reason != CONTEXT_EXCEEDED,
    )
