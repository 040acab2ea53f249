"""The search for facts that fit a question: by shared words, of which rare ones count more, without a model.

Words are compared without case and plural. Chinese, Japanese and Korean are written without spaces, so each pair of
neighbouring characters counts as a word.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

# Too common to show what a text is about. Few on purpose: a rare word outweighs a common one anyway.
COMMON = """
a about am an and any are as at be been but by can could did do does for from get give had has have he her him his how i
if in into is it its just know let like make me more my need no not of on or our out please she should so some tell that
the their them then there they this to too up us want was we were what when where which who why will with would you your
"""
STOP_WORDS = frozenset(COMMON.split())
# Chinese characters that join words or are too common.
JOINING = frozenset("的了是在我你他她它们吗呢吧啊和与就也都这那个一不有没什么怎请")
CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
RUN = re.compile(f"[{CJK}]+|[^\\W_{CJK}]+")
IS_CJK = re.compile(f"[{CJK}]")


def nearest(question: str, facts: Sequence[str], *, count: int) -> list[str]:
    """The facts that share words with the question, the nearest first; equally near ones in the given order."""
    question_words = set(words_of(question))
    if not question_words:
        return []
    shared = [question_words.intersection(words_of(fact)) for fact in facts]
    counts = Counter(word for words in shared for word in words)
    weight = {word: math.log(1 + len(facts) / count) for word, count in counts.items()}
    scores = [sum(weight[word] for word in words) for words in shared]
    order = sorted((index for index, score in enumerate(scores) if score), key=lambda index: (-scores[index], index))
    return [facts[index] for index in order[:count]]


def words_of(text: str) -> Iterator[str]:
    """The words of a text that are compared."""
    for run in RUN.findall(unicodedata.normalize("NFKC", text).casefold()):
        if IS_CJK.match(run):
            yield from _pairs(run)
        elif run not in STOP_WORDS and (len(run) > 1 or run.isdecimal()):
            yield run[:-1] if len(run) > 3 and run.endswith("s") and not run.endswith("ss") else run


def _pairs(run: str) -> Iterator[str]:
    """The pairs of neighbouring characters between joining ones; a single character is a word."""
    for part in re.split(f"[{''.join(JOINING)}]", run):
        if len(part) == 1:
            yield part
        yield from (part[index : index + 2] for index in range(len(part) - 1))
