"""The table of translations: which form can be asked of which other one."""

from providers.dialects.chat_over_messages import answers as chat_answers
from providers.dialects.chat_over_messages import requests as chat_requests
from providers.dialects.dialect import Dialect
from providers.dialects.messages_over_chat import answers as message_answers
from providers.dialects.messages_over_chat import requests as message_requests
from providers.dialects.translation import Translation

# (the form of the request, the one that the connection speaks) → how
TRANSLATIONS: dict[tuple[Dialect, Dialect], Translation] = {
    (Dialect.CHAT, Dialect.MESSAGES): Translation(
        Dialect.MESSAGES, chat_requests.translate, chat_answers.answer, chat_answers.ChatStream
    ),
    (Dialect.MESSAGES, Dialect.CHAT): Translation(
        Dialect.CHAT, message_requests.translate, message_answers.answer, message_answers.MessageStream
    ),
}
