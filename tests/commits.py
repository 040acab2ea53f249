"""`python -m tests.commits`: checks that the subjects of the latest commits follow CONTRIBUTING.md.

Looks at the commits since the last release tag (`v1.2.3`), or at the last 20 where there is none; merges do not count.
Outside a git repository there is nothing to look at, and a shallow clone shows fewer: both are said.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AREAS = ("providers", "chat", "imagegen", "webui", "tests", "docs", "tools", "house")
SUBJECT = re.compile(rf"(?:{'|'.join(AREAS)}): [^a-z\s].*[^.\s]\.")
LONGEST = 72
LAST = 20  # commits that are looked at when there is no release


def fault_of(subject: str) -> str:
    """The fault of a subject, in words; empty without one."""
    if len(subject) > LONGEST:
        return f"{len(subject)} characters, at most {LONGEST}"
    return "" if SUBJECT.fullmatch(subject) else f"not `area: Sentence.` with one of {', '.join(AREAS)}"


def git(*arguments: str, folder: Path = ROOT) -> str | None:
    """The output of a git command; None when it failed or there is no git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def latest(folder: Path = ROOT) -> list[tuple[str, str]] | None:
    """(short hash, subject) of the commits to look at; None outside a repository."""
    if git("rev-parse", "HEAD", folder=folder) is None:
        return None
    tag = git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", folder=folder)
    wanted = [f"{tag}..HEAD"] if tag else ["-n", str(LAST)]
    lines = git("log", "--no-merges", "--format=%h%x09%s", *wanted, folder=folder) or ""
    return [(commit, subject) for commit, _tab, subject in (line.partition("\t") for line in lines.splitlines())]


def main() -> int:
    commits = latest()
    if commits is None:
        print("Commit subjects: this is no git repository, so there are none to check.")
        return 0
    if git("rev-parse", "--is-shallow-repository") == "true":
        print(f"Commit subjects: a shallow clone, which shows {len(commits)} of the commits to check.")
    faults = [(commit, subject, fault) for commit, subject in commits if (fault := fault_of(subject))]
    for commit, subject, fault in faults:
        print(f"{commit} {subject}\n    {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
