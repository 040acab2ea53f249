"""Every page of the administration, in both languages: no internal text, no broken link."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.admin import site as staff_site
from django.contrib.auth.models import Permission
from django.db.models import Q
from django.urls import NoReverseMatch, reverse

from providers.upstream import kinds
from providers.valves.pages import has_pipelines
from tests import people
from tests.variants import some
from tests.webui.admin import site_rows

pytestmark = pytest.mark.django_db
LANGUAGES = tuple(dict(settings.LANGUAGES))
# What is left of a text whose values were not put in, of a value that is no text, and of a row without a name.
LEFTOVERS = re.compile(
    r"%\(|%[sd]\b|(?<!\{)\{\w*\}(?!\})|\(['\"]\w+['\"],|\[['\"]|\[\]|object \(|<\w+\.\w+|\bNone\b(?! yet\.)"
)
SAID = ("title", "placeholder", "alt", "aria-label", "value")  # attributes that people read
UNSAID = {"script", "style", "template", "textarea", "code", "option"}
# Links that do what they say at once; others only show a page.
VERBS = re.compile(r"/(test|refresh|test-row|refresh-row|check-row|cancel|retry|cancel-row|retry-row|password-link)/?$")


class Words(HTMLParser):
    """The texts and the links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self._silent += tag in UNSAID
        if tag != "input" or found.get("type") in ("submit", "button"):
            self.texts += [found[name] for name in SAID if found.get(name) and tag != "option"]
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag == "form" and found.get("action") and found.get("method", "").lower() != "post":
            self.links.append(found["action"])

    def handle_startendtag(self, tag, attributes):
        silent = self._silent
        self.handle_starttag(tag, attributes)
        self._silent = silent

    def handle_endtag(self, tag):
        self._silent -= tag in UNSAID

    def handle_data(self, text):
        if not self._silent and text.strip():
            self.texts.append(text.strip())


def words_of(page):
    parser = Words()
    parser.feed(page.content.decode())
    return parser


def registered():
    return {model._meta.label: (model, found) for model, found in staff_site._registry.items()}


# Pages that do at once what they are called, at a provider or to a row.
ACTS = {"test_row", "test_now", "refresh_row", "refresh_now", "cancel_row", "cancel_now", "retry_row", "retry_now"}
# Answers to scripts: with no text for people, or to the values of a form; and files.
DATA = {"pull_progress", "totals_csv", "try"}
# Pages that only some rows have; the tests of each see that the others have none.
OF_SOME = {"providers_connection_server_models": kinds.speaks_ollama, "providers_connection_valves": has_pipelines}


def names_of(model):
    """The names in the URL conf of all pages about one kind of row."""
    prefix = f"{model._meta.app_label}_{model._meta.model_name}_"
    known = [entry.name for entry in staff_site.get_model_admin(model).get_urls() if entry.name]
    # The page of a person's password has a name of Django's.
    return sorted(name for name in known if name.removeprefix(prefix) not in ACTS | DATA)


def addresses(model):
    """The addresses of all pages about one kind of row, from the URL conf: its lists, and those of each of its rows."""
    rows = list(model._default_manager.order_by("pk"))
    versions = [(row.pk, version.pk) for row in rows if hasattr(row, "history") for version in row.history.all()]
    for name in names_of(model):
        having = [row for row in rows if name not in OF_SOME or OF_SOME[name](row)]
        for arguments in [(), *((row.pk,) for row in having), *versions]:
            yield f"admin:{name}", arguments


def pages_of(model):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    found = [reverse(name)]  # first
    for name, arguments in addresses(model):
        try:
            found.append(reverse(name, args=arguments))
        except NoReverseMatch:
            continue
    return list(dict.fromkeys(found))


def one_of_each(client):
    """Of every page about a kind of row the one of its last row, and the pages of no list: those that open."""
    last = {}
    for model, _admin in registered().values():
        for name, arguments in addresses(model):
            try:
                last[name] = reverse(name, args=arguments)
            except NoReverseMatch:
                continue
    found = ["/admin/", "/admin/providers/", *last.values()]
    return [address for address in found if client.get(address).status_code == 200]


def forms_and_lists(client):
    """The first page, and the list, the empty form and the last row's form of every kind of row: those that open."""
    found = ["/admin/"]
    for model, _admin in registered().values():
        pages = pages_of(model)
        found += pages[:1] + [address for address in pages if address.endswith("/add/")]
        found += [address for address in pages if address.endswith("/change/")][-1:]
    return [address for address in found if client.get(address).status_code == 200]


@pytest.fixture
def root(client, admin, rows):
    client.force_login(admin)
    return client


def actions_of(model, client):
    """The actions of a list that ask no provider; that which deletes comes first, and only asks."""
    page = client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
    form = page.context["action_form"] if page.context and page.context.get("action_form") else None
    chosen = [name for name, _words in form.fields["action"].choices if name] if form is not None else []
    return sorted(set(chosen) - {"test_chosen"}, key=lambda name: name != "delete_selected")


# Pages of the administration that are about no kind of row, and what they need. The others answer no page to a reader.
OF_NO_LIST = {"index": "", "search": "?s=a", "app_list": "", "providers_chatmodel_access": "?user={user}"}
NO_PAGES = {
    "login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n", "view_on_site",
    "remove_demo",
}  # fmt: skip


def test_every_page_that_is_about_no_list_is_known():
    own = {name for model, _admin in registered().values() for name in names_of(model)}
    acting = {
        f"{model._meta.app_label}_{model._meta.model_name}_{act}"
        for model, _admin in registered().values()
        for act in ACTS | DATA
    }
    names = {entry.name for entry in urls_below(staff_site.urls[0]) if entry.name}
    assert names - own - acting == (set(OF_NO_LIST) | NO_PAGES) - own


def urls_below(entries):
    for entry in entries:
        yield from urls_below(entry.url_patterns) if hasattr(entry, "url_patterns") else [entry]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("who", ["an administrator", "who may see everything"])
def test_pages_about_no_list_say_what_they_mean(client, admin, rows, who, language):
    staff = people.make_user("Viewer", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(admin if who == "an administrator" else staff)
    found = set()
    for name, query in OF_NO_LIST.items():
        for arguments in [["providers"], ["imagegen"], ["chat"]] if name == "app_list" else [[]]:
            address = reverse(f"admin:{name}", args=arguments) + query.format(user=rows.pk)
            page = client.get(address, headers={"accept-language": language})
            assert page.status_code == 200, address
            found |= {f"{address}: {text}" for text in words_of(page).texts if LEFTOVERS.search(text)}
    assert sorted(found) == []


LATIN = re.compile(r"[A-Za-z]{3,}")
ICON = re.compile(r"[a-z]+(?:_[a-z]+)*")  # the names of icons stand in pages as texts of one word
# Names that are the same in every language.
NAMES = {"WebUI", "English", "zh", "hans", "API", "ComfyUI", "OpenAI", "Azure", "OpenRouter", "Ollama", "esc"}


def words_of_rows():
    """The words in the values of all rows, which nobody translates."""
    found = set(NAMES)
    for model in apps.get_models(include_auto_created=True):
        for row in model._base_manager.all():
            values = [str(getattr(row, field.attname)) for field in model._meta.concrete_fields]
            found |= {word for value in values for word in LATIN.findall(value)}
    return found


@pytest.mark.parametrize("label", sorted(registered()))
def test_every_page_of_every_list_says_what_it_means(root, rows, label):
    """In every language; and a text that is alike in all of them is a row's own, or nobody has translated it."""
    model, _admin = registered()[label]
    assert model._default_manager.exists(), "site_rows has none of these"
    pages = pages_of(model)
    assert len(pages) > 1
    if label == "providers.Connection":
        more = [
            reverse(f"admin:{name}") + query.format(user=rows.pk)
            for name, query in OF_NO_LIST.items()
            if name != "app_list"
        ]
        pages = [*pages, *more, reverse("admin:app_list", args=["providers"])]
    own, found = words_of_rows() | KNOWN_PARTS, set()
    for address in pages:
        told = []
        for language in LANGUAGES:
            page = root.get(address, headers={"accept-language": language}, follow=True)
            assert page.status_code in (200, 403), f"{address}: {page.status_code}"
            told.append(set(words_of(page).texts))
        found |= {f"{address}: {text}" for texts in told for text in texts if LEFTOVERS.search(text)}
        same = {text for text in set.intersection(*told) if not ICON.fullmatch(text)}
        found |= {f"{address} is not translated: {text}" for text in same if set(LATIN.findall(text)) - own}
    everything = {"_selected_action": list(model._default_manager.values_list("pk", flat=True)), "index": 0}
    for action in actions_of(model, root):
        for language in LANGUAGES:
            sent = {"action": action, **everything}
            page = root.post(pages[0], sent, headers={"accept-language": language}, follow=True)
            assert page.status_code in (200, 403), f"{action}: {page.status_code}"
            found |= {f"{action}: {text}" for text in words_of(page).texts if LEFTOVERS.search(text)}
    assert sorted(found) == []


# Parts of addresses and of examples.
KNOWN_PARTS = {
    "https", "http", "com", "NAME", "openai", "azure", "openrouter", "ollama", "api", "png", "image", "invalid",
    "anthropic", "generativelanguage", "googleapis", "beta",
}  # fmt: skip


def crawl(client, *begin):
    """The pages that links lead to, without links that act at once: address → (status, from, page)."""
    seen, queue = {}, [(address, "") for address in begin]
    while queue:
        address, source = queue.pop()
        if address in seen:
            continue
        page = client.get(address)
        seen[address] = (page.status_code, source, page)
        if page.status_code in (301, 302):
            queue.append((urljoin(address, page["Location"]), address))
        elif page.status_code == 200 and "html" in page["Content-Type"]:
            queue += [(found, address) for found in led_to(page, address)]
    return seen


def led_to(page, address):
    """The pages of the administration that a page leads to; of lists only the first page, without filters."""
    for link in words_of(page).links:
        found = urlsplit(urljoin(address, link))
        if not found.netloc and found.path.startswith("/admin/") and not VERBS.search(found.path):
            yield found.path


ONE_RIGHT = [
    (label, verb) for turn, label in enumerate(sorted(registered())) for verb in some(["view", "change"], turn, few=1)
]


@pytest.mark.parametrize(("label", "verb"), ONE_RIGHT)
def test_no_link_of_somebody_with_one_right_is_refused(client, rows, label, verb):
    staff = people.make_user("Helper", is_staff=True)
    model, _admin = registered()[label]
    right = {"content_type__app_label": model._meta.app_label, "codename": f"{verb}_{model._meta.model_name}"}
    staff.user_permissions.set(Permission.objects.filter(**right))
    client.force_login(staff)
    seen = crawl(client, "/admin/")
    assert any(model._meta.model_name in address for address in seen)
    assert {address: found for address, found in seen.items() if found[0] >= 400} == {}


@pytest.mark.soak  # the same links as of who may see everything, below, and those to forms
def test_no_link_of_an_administrator_leads_nowhere(root):
    seen = crawl(root, "/admin/")
    assert {address: found for address, found in seen.items() if found[0] >= 400} == {}


def test_every_list_shares_what_all_pages_need():
    from providers.admin.base import AdminPages

    assert [label for label, (_model, found) in registered().items() if not isinstance(found, AdminPages)] == []


# --- deletions --------------------------------------------------------------------------------------------------------


def test_deleting_a_person_tells_counts_and_no_word_of_theirs(root, rows):
    text = root.get(f"/admin/webui/user/{rows.pk}/delete/").content.decode()
    assert site_rows.SECRET not in text
    assert "Chats: 2" in text
    assert "Messages: 2" in text
    assert "Nightly" in text  # the name of a key is the administrators' to know


@pytest.mark.parametrize("label", sorted(registered()))
def test_no_deletion_tells_a_word_of_what_goes_with_it(root, rows, label):
    model, _admin = registered()[label]
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    own = {str(row).casefold() for row in model._default_manager.all()}
    for row in model._default_manager.all():
        page = root.get(reverse(f"{name}_delete", args=[row.pk]))
        told = " ".join(text for text in words_of(page).texts if not any(words in text.casefold() for words in own))
        assert site_rows.SECRET not in told


def test_deleting_a_group_names_what_was_opened_to_it(root):
    from django.contrib.auth.models import Group

    group = Group.objects.get(name="Sales")
    text = root.get(f"/admin/auth/group/{group.pk}/delete/").content.decode()
    assert "Connections that name it no longer" in text
    assert "First 2" in text
    assert "object (" not in text


def test_a_helper_who_may_not_see_keys_reads_their_number(client, rows):
    helper = people.make_user("Helper", is_staff=True)
    rights = [f"{verb}_{kind}" for verb in ("view", "delete") for kind in ("user", "group")]
    every = Permission.objects.filter(Q(codename__in=rights) | Q(codename__startswith="delete_"))
    helper.user_permissions.set(every)
    client.force_login(helper)
    text = client.get(f"/admin/webui/user/{rows.pk}/delete/").content.decode()
    assert "Nightly" not in text
    assert "API keys: 3" in text


# --- the way to a page -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", sorted(registered()))
def test_the_way_above_a_page_is_that_of_the_sidebar(root, rf, admin, label):
    from webui.admin import look

    model, _admin = registered()[label]
    request = rf.get("/admin/")
    request.user = admin
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    titles = [
        (group["title"], item["title"])
        for group in look.sidebar(request)
        for item in group["items"]
        if item["link"] == address
    ]
    page = root.get(address, follow=True).content.decode()
    way = re.findall(r'leading-5 min-w-0 truncate tracking-tight">\s*(.*?)\s*</(?:a|span)>', page)
    assert way[:2] == list(titles[0])


def test_the_search_is_in_the_language_and_with_the_rights_of_now(client, admin, rows):
    def searched(language):
        page = client.get("/admin/search/?s=group", headers={"accept-language": language})
        extended = client.get("/admin/search/?s=group&extended=1", headers={"accept-language": language})
        return page.content.decode(), extended.content.decode()

    client.force_login(admin)
    assert all("Groups" in text for text in searched("en"))
    assert not any("Groups" in text for text in searched("zh-hans"))
    admin.is_superuser = False
    admin.save()
    assert not any("Groups" in text for text in searched("en"))


# --- who may only look ------------------------------------------------------------------------------------------------

FORM = re.compile(r"<form[^>]*>", re.IGNORECASE)
# Forms that everybody has: they end the session, or change the language.
ENDS = re.compile(r"/(logout|login)/?$|/i18n/")


def forms_of(seen):
    """The forms that post, on pages that links lead to: the page and where the form posts to."""
    for address, (status, _source, page) in seen.items():
        if status != 200 or "html" not in page["Content-Type"]:
            continue
        for form in FORM.findall(page.content.decode()):
            target = urljoin(address, next(iter(re.findall(r'action="([^"]*)"', form)), ""))
            if 'method="post"' in form.lower() and not ENDS.search(urlsplit(target).path):
                yield address, target


def test_no_link_and_no_form_of_who_may_see_everything_is_refused(client, admin, rows):
    client.force_login(admin)
    page = client.get("/admin/providers/connection/add/").content.decode()
    assert 'method="post"' in "".join(FORM.findall(page)).lower(), "an administrator has forms"
    staff = people.make_user("Viewer", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(staff)
    seen = crawl(client, "/admin/")
    assert {address: found for address, found in seen.items() if found[0] >= 400} == {}
    assert [(address, to) for address, to in forms_of(seen) if client.post(to, {}).status_code == 403] == []
