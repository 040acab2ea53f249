"""The table of translations: which form can be asked of which other one. Every pair has its row.

To add a form: a member of `Dialect`, a package for each direction to and from chat completions, whose functions
`Translation` describes, and its rows here; to and from the other forms it goes through chat completions (`chained`).
`tests/providers/dialects/test_table.py` walks the table.
"""

from providers.dialects.chained import chained
from providers.dialects.chat_over_messages import answers as chat_from_messages
from providers.dialects.chat_over_messages import requests as messages_for_chat
from providers.dialects.chat_over_responses import answers as chat_from_responses
from providers.dialects.chat_over_responses import requests as responses_for_chat
from providers.dialects.dialect import Dialect
from providers.dialects.messages_over_chat import answers as messages_from_chat
from providers.dialects.messages_over_chat import requests as chat_for_messages
from providers.dialects.responses_over_chat import answers as responses_from_chat
from providers.dialects.responses_over_chat import requests as chat_for_responses
from providers.dialects.responses_over_chat.streams import ResponseStream
from providers.dialects.translation import Translation

_CHAT_OVER_MESSAGES = Translation(
    Dialect.MESSAGES, messages_for_chat.translate, chat_from_messages.answer, chat_from_messages.ChatStream
)
_MESSAGES_OVER_CHAT = Translation(
    Dialect.CHAT, chat_for_messages.translate, messages_from_chat.answer, messages_from_chat.MessageStream
)
_CHAT_OVER_RESPONSES = Translation(
    Dialect.RESPONSES, responses_for_chat.translate, chat_from_responses.answer, chat_from_responses.ResponseChatStream
)
_RESPONSES_OVER_CHAT = Translation(
    Dialect.CHAT, chat_for_responses.translate, responses_from_chat.answer, ResponseStream
)

# (the form of the request, the one that the connection speaks) → how
TRANSLATIONS: dict[tuple[Dialect, Dialect], Translation] = {
    (Dialect.CHAT, Dialect.MESSAGES): _CHAT_OVER_MESSAGES,
    (Dialect.MESSAGES, Dialect.CHAT): _MESSAGES_OVER_CHAT,
    (Dialect.CHAT, Dialect.RESPONSES): _CHAT_OVER_RESPONSES,
    (Dialect.RESPONSES, Dialect.CHAT): _RESPONSES_OVER_CHAT,
    (Dialect.MESSAGES, Dialect.RESPONSES): chained(_MESSAGES_OVER_CHAT, _CHAT_OVER_RESPONSES),
    (Dialect.RESPONSES, Dialect.MESSAGES): chained(_RESPONSES_OVER_CHAT, _CHAT_OVER_MESSAGES),
}
