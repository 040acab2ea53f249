"""The chat page as a person uses it: by what they see and press."""

from typing import Any

from playwright.sync_api import Locator, Page, expect


class ChatPage:
    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, path: str = "/") -> "ChatPage":
        self.page.goto(path)
        expect(self.field).to_be_visible()
        return self

    @property
    def field(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def questions(self) -> Locator:
        return self.page.locator(".message.user")

    @property
    def answers(self) -> Locator:
        return self.page.locator(".message.assistant")

    @property
    def answer(self) -> Locator:
        """The words of the last answer."""
        return self.answers.last.locator("[data-part='body']")

    @property
    def stop_button(self) -> Locator:
        return self.page.get_by_role("button", name="Stop", exact=True)

    @property
    def chats(self) -> Locator:
        return self.page.locator(".chat-row")

    def write(self, words: str) -> None:
        self.field.fill(words)
        self.field.press("Enter")

    def ask(self, words: str) -> None:
        """Write, and wait until the answer is over."""
        self.write(words)
        expect(self.questions.last.locator(".bubble")).to_have_text(words)
        self.settled()

    def settled(self) -> None:
        """The last answer is over, and the server's version of it is in place."""
        expect(self.answers.last).not_to_have_attribute("data-status", "pending")
        expect(self.answers.last).not_to_have_attribute("data-status", "streaming")
        expect(self.page.locator("[data-shown='final'], .sending")).to_have_count(0)

    def press(self, message: Locator, name: str) -> None:
        message.hover()
        message.get_by_role("button", name=name, exact=True).click()

    def pick(self, words: str) -> None:
        """Choose a model by keyboard."""
        self.page.get_by_role("button", name="Model:").click()
        search = self.page.get_by_role("combobox", name="Search models")
        expect(self.page.get_by_role("option").first).to_be_visible()
        search.press_sequentially(words)
        search.press("Enter")

    def scrolled_to_end(self) -> bool:
        return bool(
            self.page.evaluate(
                "(b => b.scrollHeight - b.scrollTop - b.clientHeight < 2)(document.getElementById('content'))"
            )
        )


def text_of(locator: Locator) -> Any:
    return locator.inner_text()
