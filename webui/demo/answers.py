"""The prepared answers of the demo, chosen by words in the last message, in its language.

They are Markdown files in `en/` and `zh-hans/`, one per subject, and no part of the translations, because a model's
answers are not interface. `_note.md` ends every answer, `_thinking.md` is the reasoning where it is asked for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from webui.accounts import links

FOLDER = Path(__file__).parent
MODEL = "demo"

CHINESE_LETTER = re.compile("[\u3400-\u9fff]")
# A piece: a word with the space before it, or up to two Chinese characters, or another character.
PIECE = re.compile("\\s*[\u3400-\u9fff\u3000-\u303f\uff00-\uffef]{1,2}|\\s*[^\\s\u3400-\u9fff]{1,12}|\\s+")
# The first subject whose words are in the message is the answer's; both languages are in one expression.
SUBJECTS: list[tuple[str, re.Pattern[str]]] = [
    ("sky", re.compile(r"\bsky\b|天空")),
    ("letter", re.compile(r"\b(declin\w*|reply|e-?mail|letter)\b|婉拒|回复|邮件")),
    ("maths", re.compile(r"\bmath|\bformula|\bequation|\bintegral|\blatex\b|公式|数学|方程|积分")),
    ("table", re.compile(r"\btable\b|\bcompare\b|coffee|表格|比较|对比|咖啡")),
    ("picture", re.compile(r"\b(draw|picture|image|paint|photo)\b|画|图片|图像|照片")),
    ("code", re.compile(r"\bcode\b|python|script|program|代码|脚本|程序")),
    ("connect", re.compile(r"\b(connect|provider|api key|openai|ollama|azure)\b|连接|接入|供应商|服务商|密钥")),
]
DRAWN = "<context>This site has just"  # begins the image handler's note that an image was drawn
THINKS = re.compile(r"\bthink|\breason|step by step|思考|推理|一步一步")


# Additions of the site to a person's text: attached documents, notes about images.
ATTACHED = re.compile(r'<file name="[^"]*">.*?</file>|\[(?:The person attached|This site showed)[^\]]*\]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class DemoAnswer:
    """One answer, with the text of the request for its usage."""

    text: str
    prompt: str  # the whole request, for the number of tokens
    reasoning: str = ""

    def pieces(self) -> Iterator[tuple[str, str]]:
        """The answer in the pieces of a stream: (member of the delta, text)."""
        for name, text in (("reasoning_content", self.reasoning), ("content", self.text)):
            for piece in PIECE.findall(text):
                yield name, piece

    @property
    def reasoning_tokens(self) -> int:
        return len(PIECE.findall(self.reasoning))

    def usage(self) -> dict[str, int]:
        """OpenAI's usage object; a piece counts as a token."""
        sent = len(PIECE.findall(self.prompt))
        written = self.reasoning_tokens + len(PIECE.findall(self.text))
        return {"prompt_tokens": sent, "completion_tokens": written, "total_tokens": sent + written}


def answer_to(messages: list[Any]) -> DemoAnswer:
    """The answer to a list of OpenAI's messages; unknown shapes are read as far as possible."""
    texts = [_text(message) for message in messages if isinstance(message, dict)]
    questions = [_text(message) for message in messages if isinstance(message, dict) and message.get("role") == "user"]
    last = ATTACHED.sub("", (questions or texts or [""])[-1]).strip()
    language = "zh-hans" if CHINESE_LETTER.search(last) else "en"
    lower = last.lower()
    subject = next((name for name, words in SUBJECTS if words.search(lower)), "tour")
    if any(DRAWN in text for text in texts):
        subject = "drawn"
    body = text_of(language, subject).replace("{asked}", _quote(last)).replace("{site}", links.served())
    return DemoAnswer(
        text=f"{body}\n\n{text_of(language, '_note')}",
        prompt=" ".join(texts),
        reasoning=text_of(language, "_thinking") if THINKS.search(lower) else "",
    )


@lru_cache
def text_of(language: str, name: str) -> str:
    return (FOLDER / language / f"{name}.md").read_text(encoding="utf-8").strip()


def _quote(text: str) -> str:
    """The beginning of a question as plain text in quotation marks."""
    plain = re.sub(r"[`*_#>\[\]|<$\\]", "", " ".join(text.split()))
    short = plain if len(plain) <= 60 else f"{plain[:60].rstrip()}…"
    return f"“{short or '…'}”"


def _text(message: dict[str, Any]) -> str:
    """The text of one message, whose content is a text or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return ""
