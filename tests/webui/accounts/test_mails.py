"""Account mails as text: whole paragraphs, both languages, unchanged names and links."""

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from tests.fixtures.process import ROOT

LINK = "https://chat.example/?a=1&b=2"
FACTS = {"SITE_NAME": "Ham & Eggs", "email": "a&b@example.com", "activate_url": LINK, "password_reset_url": LINK}
MESSAGES = sorted(path.name for path in (ROOT / "templates/account/email").glob("*_message.txt"))


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
@pytest.mark.parametrize("name", [name for name in MESSAGES if name != "base_message.txt"])
def test_a_mail_is_paragraphs_of_one_line_each(name, language):
    with translation.override(language):
        paragraphs = render_to_string(f"account/email/{name}", FACTS).rstrip("\n").split("\n\n")
    assert [text for text in paragraphs if not text or "\n" in text or text != text.strip()] == []
    assert paragraphs[-1] == "— Ham & Eggs"
    assert len(paragraphs) >= 2
    assert "&amp;" not in "".join(paragraphs)
