"""The handler that gives an answer what an assistant has besides its system prompt and parameters."""

from chat.assistants import services
from chat.loop import in_thread
from chat.pipeline import attachments
from chat.pipeline.base import Handler
from chat.pipeline.turn import Turn
from providers import catalogue


class AssistantHandler(Handler):
    """Always on: the files of the assistant stand before the first question, and its tools are the only ones.

    No query for a model that is no assistant.
    """

    name = "assistant"
    goes_on = True

    async def handle(self, turn: Turn) -> None:
        route = (await catalogue.snapshot()).routes.get(str(turn.payload["model"]))
        if route is None or route.needs is None:
            return
        tools, files = await in_thread(services.parts_of, route.public_id)
        turn.limit_tools(tools)
        attachments.add_to_first(turn.messages, files)
