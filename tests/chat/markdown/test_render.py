"""The server's Markdown renderer: its HTML, and that no text can inject active content."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat import markdown
from chat.markdown import to_html
from tests.chat.markdown import examples

ADDRESS = re.compile(r"https?:|mailto:|/[^/\\]|#fn(ref)?-[\w-]+$")
PICTURE = re.compile(r"/api/v1/files/[\w-]+(/content)?$|data:image/(png|jpeg|gif|webp);base64,")


class Inspector(HTMLParser):
    """A parser that fails on any HTML outside the short list of what an answer may contain."""

    def handle_starttag(self, tag, attrs):
        assert tag in markdown.TAGS, tag
        for name, value in attrs:
            assert name in markdown.ATTRIBUTES.get(tag, ()), f"{tag} {name}"
            if name == "href":
                assert ADDRESS.match(value), value
            if name == "src":
                assert PICTURE.match(value), value
        if tag == "input":
            assert dict(attrs)["type"] == "checkbox"
            assert "disabled" in dict(attrs)
        if tag == "a" and dict(attrs).get("role") not in ("doc-noteref", "doc-backlink"):
            assert dict(attrs).get("rel") == "noopener noreferrer"

    def handle_comment(self, data):
        raise AssertionError(data)


def inspect(text):
    Inspector().feed(to_html(text))


@pytest.mark.parametrize("text", examples.HOSTILE)
def test_hostile_text_stays_text(text):
    inspect(text)


PIECES = [
    *(
        "<",
        ">",
        '"',
        "'",
        "&",
        "`",
        "```",
        "*",
        "**",
        "_",
        "[",
        "](",
        ")",
        "![",
        "|",
        "\n",
        "\n\n",
        "\n|--|\n",
        "$",
        "$$",
    ),
    *(
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "- [x] ",
        "# ",
        "> ",
        "1. ",
        "    ",
        "javascript:",
        "data:",
        "https://a.b/",
        "onerror=",
    ),
    *("<script>", "</div>", "<br>", "<img src=x ", "<sub>", "style=", "x", "注", "\0", "\r", "&#106;", "[a]: "),
    *("[^a]", "[^a]: ", "[^b]", "\n[^b]:", "- [ ] ", "\n    "),
]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_no_mixture_of_marks_and_tags_gets_through(text):
    inspect(text)


@given(st.text(max_size=200))
def test_any_text_can_be_rendered(text):
    inspect(text)


def test_headings_start_below_the_page_and_leave_no_gap():
    html = to_html("## One\n#### Two\n## Three\n# Four")
    assert re.findall(r"<h\d>\w+", html) == ["<h3>One", "<h4>Two", "<h3>Three", "<h3>Four"]


def test_tables_scroll_in_a_box_and_align_without_styles():
    html = to_html("|a|b|\n|:-|-:|\n|1|2|")
    assert html.startswith('<div class="table" tabindex="0"><table>')
    assert '<td class="align-right">2</td>' in html
    assert "style" not in html


def test_code_names_its_language_for_the_browser_to_colour():
    html = to_html("```Python\nreturn 1 < 2\n```")
    assert '<span class="code-language">Python</span>' in html
    assert "<code>return 1 &lt; 2\n</code>" in html


def test_formulas_keep_their_source_for_the_browser_to_draw():
    assert '<span class="math">x&lt;y</span>' in to_html("so $x<y$ holds")
    assert to_html("$$\na\n$$").startswith('<div class="math math-block">a</div>')
    assert '<span class="math">a</span>' in to_html(r"so \(a\) holds")


def test_money_is_no_formula():
    assert "math" not in to_html("It costs $5 to $10, or US$7, or 3$ each.")


@pytest.mark.parametrize(("text", "formulas"), examples.FORMULAS_IN.items())
def test_code_wins_and_money_is_no_formula(text, formulas):
    drawn = re.findall(r'class="math[^>]*>([^<]*)<', to_html(text))
    assert [unescape(formula) for formula in drawn] == formulas


@pytest.mark.parametrize(("text", "bold"), examples.BOLD.items())
def test_bold_text_beside_chinese_characters(text, bold):
    strong = re.findall(r"<strong>(.*?)</strong>", to_html(text))
    assert [unescape(re.sub(r"<[^>]+>", "", part)) for part in strong] == bold


def test_bold_works_between_chinese_characters_whatever_it_holds():
    assert "<strong>注意（必读）</strong>后面" in to_html("**注意（必读）**后面")


def test_an_address_ends_at_chinese_punctuation():
    assert '<a href="https://example.com"' in to_html("看 https://example.com。谢谢")
    assert "</a>。谢谢" in to_html("看 https://example.com。谢谢")


def test_file_names_are_no_addresses():
    assert "<a" not in to_html("Open main.py, see example.com, write to me@example.com")


def test_links_leave_the_page_without_telling_where_from():
    assert to_html("[x](https://example.com)") == (
        '<p><a href="https://example.com" target="_blank" rel="noopener noreferrer">x</a></p>\n'
    )


def test_a_remote_picture_becomes_a_link_so_that_nobody_learns_who_reads():
    html = to_html("![a chart](https://example.com/x.png)")
    assert "<img" not in html
    assert 'href="https://example.com/x.png"' in html


def test_a_picture_of_this_site_is_shown():
    assert '<img src="/api/v1/files/abc/content" alt="cat" loading="lazy">' in to_html(
        "![cat](/api/v1/files/abc/content)"
    )


def test_task_lists_have_boxes_that_show_what_is_done():
    html = to_html("- [ ] a **b**\n- [x] c")
    assert '<li class="task"><label><input type="checkbox" disabled=""> a <strong>b</strong></label></li>' in html
    assert '<li class="task"><label><input type="checkbox" disabled="" checked=""> c</label></li>' in html


def test_footnotes_are_numbered_as_they_are_referred_to_and_stand_last():
    html = to_html("One[^b], two[^a], one[^b].\n\n[^a]: A\n\n[^b]: B\n\nAfter.", "m-")
    assert re.findall(r'<sup><a class="footnote" href="#(.*?)" id="(.*?)" role="doc-noteref">(.*?)</a>', html) == [
        ("fn-m-1", "fnref-m-1", "1"),
        ("fn-m-2", "fnref-m-2", "2"),
        ("fn-m-1", "fnref-m-1-2", "1"),
    ]
    text, notes = html.split('<div class="footnotes">')
    assert text.endswith("<p>After.</p>\n")
    assert re.findall(r'<li id="(.*?)" tabindex="-1"><p>(\w)', notes) == [("fn-m-1", "B"), ("fn-m-2", "A")]
    assert re.findall(r'href="#(fnref.*?)"', notes) == ["fnref-m-1", "fnref-m-1-2", "fnref-m-2"]


def test_a_footnote_that_nothing_refers_to_is_not_lost():
    assert "Nowhere" in to_html("Text.\n\n[^x]: Nowhere.")


def test_a_reference_without_its_footnote_stays_text():
    assert to_html("a[^1] and [^2].\n\n[^2]: note").startswith("<p>a[^1] and <sup>")


def test_titles_of_thoughts_become_steps():
    html = to_html("**Reading**\n\nIt is **bold**.\n\n# Writing", as_steps=True)
    assert re.findall(r'<p class="step">(.*?)</p>', html) == ["<strong>Reading</strong>", "Writing"]
    assert "<h" not in html


def test_line_breaks_are_kept():
    assert to_html("one\ntwo") == "<p>one<br>\ntwo</p>\n"
