"""The check of commit subjects, in every kind of checkout."""

import subprocess

import pytest

from tests import commits

PERSON = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")


def git(folder, *arguments):
    subprocess.run(["git", *PERSON, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """A repository with three commits, of which the first has a release tag."""
    git(tmp_path, "init", "-q")
    for subject, tag in (("First try", "v1.0.0"), ("docs: How it works.", ""), ("chat: A fix.", "")):
        git(tmp_path, "commit", "-q", "--allow-empty", "-m", subject)
        if tag:
            git(tmp_path, "tag", tag)
    return tmp_path


@pytest.mark.parametrize(
    "subject",
    ["chat: Answers stream.", "house: 3.12 is the oldest Python.", "docs: `make lint` explained.", "tools: “Why”."],
)
def test_a_subject_with_area_and_sentence_passes(subject):
    assert commits.fault_of(subject) == ""


@pytest.mark.parametrize(
    "subject",
    [
        "Answers stream.",
        "chat: answers stream.",
        "chat: Answers stream",
        "Chat: Answers stream.",
        "kitchen: Answers stream.",
        "chat:Answers stream.",
        "chat: Answers stream …..",
        f"chat: {'A' * 72}.",
    ],
)
def test_any_other_subject_is_a_fault(subject):
    assert commits.fault_of(subject)


def test_only_commits_since_the_last_release_are_checked(repository):
    assert [subject for _commit, subject in commits.latest(repository)] == ["chat: A fix.", "docs: How it works."]


def test_without_a_release_the_last_twenty_are_checked(repository):
    git(repository, "tag", "-d", "v1.0.0")
    for number in range(commits.LAST):
        git(repository, "commit", "-q", "--allow-empty", "-m", f"tests: Number {number}.")
    assert len(commits.latest(repository)) == commits.LAST


def test_a_shallow_clone_shows_what_it_has(repository, tmp_path_factory):
    clone = tmp_path_factory.mktemp("shallow") / "clone"
    git(repository, "clone", "-q", "--depth", "1", f"file://{repository}", str(clone))
    assert [subject for _commit, subject in commits.latest(clone)] == ["chat: A fix."]


def test_outside_a_repository_there_is_nothing_to_check(tmp_path):
    assert commits.latest(tmp_path) is None
