"""Words of texts and of searches, as the index knows them: the same for every database.

A text is folded a character at a time (case, accents, full width), so that places in it stay where they are. A run of
letters and digits is one word. Scripts that are written without spaces, such as Chinese, are cut into pairs of
neighbours, and the last character of each run stands alone: 黑白猫 → 黑白 白猫 猫. So a search for 白猫 is one for a
pair, and one for 猫 is one for all words that begin with it.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from providers import runtime

LONGEST = 64  # characters of a word: what is longer is no word, and is known by its beginning
LONGEST_SEARCH = 200  # characters
MOST_TERMS = 12  # of a search
SHORTEST_START = 3  # letters that are looked for as the beginning of a word; fewer begin too many words
SHORTEST_STEM = 5  # letters of a word of a question that may go on: “deliver” finds “delivery”
# Han, kana, hangul, Thai, Lao, Burmese, Khmer, and their extensions.
SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
ACCENTS = "\u0300-\u036f"  # that stand behind their letter
RUN = re.compile(r"[^\W_]+")
SCRIPTS = re.compile(rf"[{SPACELESS}]+|[^{SPACELESS}]+")  # of a run
PIECE = re.compile(r'["“”„«»](?P<exact>[^"“”„«»]*)["“”„«»]?|(?P<plain>[^\s"“”„«»]+)')


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand behind each other; with `open_end` the last one may go on."""

    words: tuple[str, ...]
    open_end: bool

    @property
    def pattern(self) -> str:
        """A regular expression of its places in a folded text."""
        first, *others = (_letters(word) for word in self.words)
        # Pairs overlap: each but the first adds its last character.
        parts = [first]
        for before, word, letters in zip(self.words, self.words[1:], others, strict=False):
            if is_spaceless(before) and is_spaceless(word) and len(before) == 2 and word[0] == before[-1]:
                parts.append(_letters(word[1:]))
            else:
                parts.append(rf"[\W_]*{letters}")
        start = "" if is_spaceless(self.words[0]) else rf"(?<![^\W_{SPACELESS}])"
        end = "" if self.open_end or is_spaceless(self.words[-1]) else rf"(?![^\W_{SPACELESS}])"
        return f"{start}{''.join(parts)}{end}"


class Folding(dict[int, int]):
    """For `str.translate`: each character to exactly one, worked out when it first comes, and known from then on."""

    def __missing__(self, code: int) -> int:
        self[code] = folded = _folded(chr(code))
        return folded


def fold(text: str) -> str:
    """The text in lower case, without accents and full width; as long as it was."""
    return text.lower() if text.isascii() else text.translate(runtime.state(Folding))


def words_of(text: str) -> Iterator[str]:
    """The words of a text, in order, as the index holds them."""
    for run in runs_of(fold(text)):
        if is_spaceless(run):
            yield from pairs(run)
            yield run[-1]
        else:
            yield run[:LONGEST]


def terms_of(search: str) -> list[Term]:
    """What a person looks for: each piece between spaces is a term, and so is what stands in quotation marks."""
    terms = []
    for piece in PIECE.finditer(fold(search[:LONGEST_SEARCH])):
        exact = piece["exact"] is not None
        words = _phrase(piece["exact"] if exact else piece["plain"])
        if words:
            last = words[-1]
            goes_on = len(last) == 1 if is_spaceless(last) else len(last) >= SHORTEST_START and not exact
            terms.append(Term(tuple(words), open_end=goes_on))
    return list(dict.fromkeys(terms))[:MOST_TERMS]


def words_asked(question: str, most: int) -> list[Term]:
    """The words of a question, each for itself, at most so many: what answers it need not hold all of them.

    A plural finds the singular. A character of a spaceless script that stands alone is one only where it has no pair.
    """
    terms = []
    for run in runs_of(fold(question)):
        if is_spaceless(run):
            terms += [Term((word,), open_end=len(word) == 1) for word in (list(pairs(run)) or [run])]
        else:
            stem = run[:-1] if len(run) > SHORTEST_STEM and run.endswith("s") else run[:LONGEST]
            terms.append(Term((stem,), open_end=len(stem) >= SHORTEST_STEM))
    return list(dict.fromkeys(terms))[:most]


def runs_of(folded: str) -> Iterator[str]:
    """The runs of letters and digits of one kind of script, without accents."""
    if not folded.isascii():
        folded = re.sub(f"[{ACCENTS}]", "", folded)
    for run in RUN.findall(folded):
        if run.isascii():
            yield run
        else:
            yield from SCRIPTS.findall(run)


def is_spaceless(word: str) -> bool:
    return not word.isascii() and re.match(f"[{SPACELESS}]", word) is not None


def pairs(run: str) -> Iterator[str]:
    return (run[at : at + 2] for at in range(len(run) - 1))


def _phrase(text: str) -> list[str]:
    runs = list(runs_of(text))
    words: list[str] = []
    for number, run in enumerate(runs, 1):
        if not is_spaceless(run):
            words.append(run[:LONGEST])
            continue
        words += pairs(run)
        if number < len(runs) or len(run) == 1:
            words.append(run[-1])
    return words


def _letters(word: str) -> str:
    return f"[{ACCENTS}]*".join(re.escape(letter) for letter in word) + f"[{ACCENTS}]*"


def _folded(character: str) -> int:
    for form in ("NFKC", "NFD"):  # full width, then accents
        changed = unicodedata.normalize(form, character)
        if len(changed) == 1 or (form == "NFD" and all(unicodedata.combining(mark) for mark in changed[1:])):
            character = changed[0]
    lower = character.lower()
    return ord(lower if len(lower) == 1 else character)
