"""`python -m tests.translations`: checks each text's translation, each translation's text, and each .mo file.

Collects the texts anew in a copy of the sources, so that the check changes nothing here. Ends with 1 and names what is
missing. Needs GNU gettext; without it the check is skipped by name, which in CI is a failure.
"""

import gettext
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("webui", "providers", "chat", "imagegen", "templates", "locale")
LOCALES = ("zh_Hans",)
TOOLS = ("xgettext", "msgmerge", "msguniq", "msgattrib", "msgfmt")
PLACE = re.compile(r"%\((\w+)\)[sd]|%[sd]|\{(\w*)\}")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass
class Entry:
    """One text of a .po file; `values` are its translations (several where it has a plural)."""

    context: str | None = None
    text: str = ""
    plural: str | None = None
    values: dict[int, str] = field(default_factory=dict)
    fuzzy: bool = False

    @property
    def untranslated(self) -> bool:
        return not self.values or not all(self.values.values())


def read_po(path: Path) -> Iterator[Entry]:
    """The living entries of a .po file, without its header."""
    for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
        entry, target = Entry(), ("", 0)
        said = False
        for line in block.splitlines():
            if line.startswith("#,"):
                entry.fuzzy = "fuzzy" in line
            if line.startswith("#") or not line.strip():
                continue
            found = STRING.search(line)
            if found is None:
                continue
            value = _unescape(found[1])
            word = line[: found.start()].strip()
            if word:
                index = int(word[7:-1]) if word.startswith("msgstr[") else 0
                target = (word.split("[")[0], index)
            said = said or target[0] == "msgid"
            _add(entry, target, value)
        if said and (entry.text or entry.context is not None):
            yield entry


def _add(entry: Entry, target: tuple[str, int], value: str) -> None:
    match target[0]:
        case "msgctxt":
            entry.context = (entry.context or "") + value
        case "msgid":
            entry.text += value
        case "msgid_plural":
            entry.plural = (entry.plural or "") + value
        case "msgstr":
            entry.values[target[1]] = entry.values.get(target[1], "") + value


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t", "r": "\r"}.get(found[1], found[1]), text)


def places(text: str) -> set[str]:
    """The placeholders of a text; a translation has to keep them."""
    return {found[0] for found in PLACE.finditer(text.replace("%%", ""))}


def complaints(locale: str, copy: Path) -> list[str]:
    """The faults of one language."""
    folder = Path("locale") / locale / "LC_MESSAGES"
    found: list[str] = []
    for domain in ("django", "djangojs"):
        fresh = copy / folder / f"{domain}.po"
        if not fresh.exists():
            continue
        entries = list(read_po(fresh))
        found += [f"{locale}: {words}" for words in unsaid(list(read_po(ROOT / folder / f"{domain}.po")), entries)]
        for entry in entries:
            shown = _shown(entry)
            if entry.fuzzy:
                found.append(f"{locale}: a guess that nobody looked at: {shown}")
            elif entry.untranslated:
                found.append(f"{locale}: not translated: {shown}")
            elif any(places(value) - places(entry.text + (entry.plural or "")) for value in entry.values.values()):
                found.append(f"{locale}: other placeholders than the text: {shown}")
        compiled = ROOT / folder / f"{domain}.mo"
        found += [f"{locale}: {words}" for words in _compiled(compiled, entries)]
    return found


def unsaid(stored: list[Entry], fresh: list[Entry]) -> list[str]:
    """Entries whose text no source says: the next `make messages` takes their translations away."""
    said = {(entry.context, entry.text, entry.plural) for entry in fresh}
    gone = [entry for entry in stored if (entry.context, entry.text, entry.plural) not in said]
    return [f"no source says it; name it with gettext_noop, or delete it: {_shown(entry)}" for entry in gone]


def _shown(entry: Entry) -> str:
    return entry.text.strip().replace("\n", " ")[:90]


def _compiled(path: Path, entries: list[Entry]) -> list[str]:
    """Does the .mo file say what the .po file says?"""
    name = path.relative_to(ROOT)
    if not path.exists():
        return [f"{name} is missing; run `make messages`"]
    with path.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    for entry in entries:
        if entry.fuzzy or entry.untranslated:
            continue
        key = entry.text if entry.context is None else f"{entry.context}\x04{entry.text}"
        for index, value in entry.values.items():
            if catalogue.get((key, index) if entry.plural is not None else key) != value:
                return [f"{name} is older than the .po file; run `make messages`"]
    return []


def collect(copy: Path) -> None:
    """Copy the sources and collect their texts there, into what is translated already."""
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
    shutil.copy(ROOT / "manage.py", copy)
    (copy / "static").mkdir()
    (copy / "locale").mkdir(exist_ok=True)
    env = {**os.environ, "DATA_DIR": str(copy / "data"), "DJANGO_SETTINGS_MODULE": "webui.settings"}
    languages = [word for locale in LOCALES for word in ("--locale", locale)]
    command = [sys.executable, "manage.py", "makemessages", *languages, "--no-location", "--ignore", "data"]
    done = subprocess.run(command, cwd=copy, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"The texts cannot be collected:\n{done.stdout}{done.stderr}")


def main() -> None:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        print(f"Translations: not checked, gettext is not installed ({', '.join(missing)} not found)")
        raise SystemExit(os.environ.get("CI") == "true")
    with tempfile.TemporaryDirectory(prefix="webui-translations-") as folder:
        collect(Path(folder))
        found = [words for locale in LOCALES for words in complaints(locale, Path(folder))]
    for words in found:
        print(words)
    print(f"Translations: {len(found)} complaints" if found else "Translations: complete")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
