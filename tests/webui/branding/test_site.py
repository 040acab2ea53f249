"""Name, accent and logo: the row wins over the environment, and pages show them."""

import io
import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError
from django.test import Client
from PIL import Image

from providers.errors import BadRequest, TooLarge
from providers.process import outages
from webui.branding import current, first_rows, logos
from webui.models import SiteSettings
from webui.serving import banner, listening_socket

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def picture(kind="PNG", size=(600, 300), colour=(200, 40, 40)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def client_of(user):
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def save(admin):
    """Sends the form of the administration, and returns its answer."""
    client = client_of(admin)
    row = SiteSettings.load()

    def send(**fields):
        values = {"name": "Harbour", "accent": "#ffd400", **fields}
        return client.post(f"/admin/webui/sitesettings/{row.pk}/change/", values)

    return send


def logo_of(client):
    answer = client.get(current.site().logo_url)
    return answer, Image.open(io.BytesIO(answer.content))


@pytest.mark.parametrize("path", ["/accounts/login/", "/nowhere"])
def test_the_name_accent_and_logo_stand_on_pages_for_strangers(client, db, path):
    SiteSettings.objects.create(pk=1, name="Harbour", accent="#ffd400", logo=logos.checked(picture()))
    page = client.get(path).content.decode()
    assert "Harbour" in page
    assert page.count(current.site().logo_url) >= 2
    assert current.site().style_url in page


def test_chat_settings_and_shared_pages_have_them_too(alice):
    SiteSettings.objects.create(pk=1, name="Harbour", accent="#ffd400")
    for path in ("/", "/settings", "/api/docs"):
        page = client_of(alice).get(path).content.decode()
        assert "Harbour" in page
        assert current.site().style_url in page
        assert current.site().logo_url in page


def test_without_a_row_the_page_is_as_the_site_comes(client, db, settings):
    settings.SITE_NAME = "From the environment"
    page = client.get("/accounts/login/").content.decode()
    assert "From the environment" in page
    assert re.findall(r"/site/(?!manifest)\w+", page) == []
    assert client.get("/site/accent.css").status_code == 404


def test_the_accent_is_a_style_sheet_that_browsers_keep_until_it_changes(client, db):
    row = SiteSettings.objects.create(pk=1, accent="#ffd400")
    first = current.site().style_url
    answer = client.get(first)
    assert answer["Content-Type"] == "text/css"
    assert "immutable" in answer["Cache-Control"]
    assert "--on-accent: light-dark(#000000, #000000);" in answer.content.decode()
    row.accent = "#0000aa"
    row.save()
    assert current.site().style_url != first
    assert "immutable" not in client.get(first)["Cache-Control"]


def test_without_a_logo_ours_takes_the_accent(client, db):
    SiteSettings.objects.create(pk=1, accent="#ffd400")
    answer = client.get(current.site().logo_url)
    assert answer["Content-Type"] == "image/svg+xml"
    assert "#ffd400" in answer.content.decode()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_uploaded_logo_is_kept_small_and_without_what_came_with_it(save, client, kind):
    assert save(new_logo=io.BytesIO(picture(kind))).status_code == 302
    answer, image = logo_of(client)
    assert (answer["Content-Type"], image.format, image.size) == ("image/png", "PNG", (256, 128))
    assert save(remove_logo="on").status_code == 302
    assert SiteSettings.load().logo == b""


@pytest.mark.parametrize("content", [SVG, b"GIF89a....", b"", b"\x89PNG\r\n\x1a\nbroken", picture("JPEG")])
def test_what_is_no_safe_logo_is_refused_and_changes_nothing(save, content):
    upload = io.BytesIO(content)
    upload.name = "logo.png"
    page = save(new_logo=upload)
    assert page.status_code == 200
    assert SiteSettings.load().logo == b""


def test_a_logo_has_bounds_of_bytes_pixels_and_shape(settings):
    with pytest.raises(TooLarge):
        logos.checked(b"\x89PNG\r\n\x1a\n" + b"0" * logos.MOST_BYTES)
    with pytest.raises(BadRequest):
        logos.checked(picture(size=(500, 20)))
    settings.PICTURE_MAX_PIXELS = 1000
    with pytest.raises(TooLarge):
        logos.checked(picture())
    with pytest.raises(BadRequest):
        logos.checked(SVG)


@pytest.mark.parametrize("accent", ["red", "#12", "#zzzzzz", "url(x)", "#000000;}"])
def test_an_accent_that_is_no_colour_is_refused(save, accent):
    assert save(accent=accent).status_code == 200
    assert SiteSettings.load().accent == ""


def test_the_accent_the_site_comes_with_is_not_kept(save):
    assert save(accent="#0b6471").status_code == 302
    assert SiteSettings.load().accent == ""


def test_the_preview_shows_what_is_typed_and_saves_nothing(admin, alice):
    page = client_of(admin).get("/admin/webui/sitesettings/preview/", {"name": "<Harbour>", "accent": "#ffd400"})
    text = page.content.decode()
    assert "&lt;Harbour&gt;" in text
    assert "--accent-fill:#ffd400" in text
    assert not SiteSettings.objects.filter(name="<Harbour>").exists()
    assert client_of(alice).get("/admin/webui/sitesettings/preview/").status_code in (302, 403)


def test_the_environment_gives_the_first_values_and_the_row_wins_later(db, settings, tmp_path):
    (tmp_path / "logo.png").write_bytes(picture())
    settings.SITE_NAME, settings.SITE_ACCENT, settings.SITE_LOGO = "First", "#aa0000", str(tmp_path / "logo.png")
    first_rows.fill_from_environment()
    row = SiteSettings.load()
    assert (row.name, row.accent, bool(row.logo)) == ("First", "#aa0000", True)
    settings.SITE_NAME = "Second"
    first_rows.fill_from_environment()
    assert SiteSettings.load().name == "First"
    settings.ENABLE_PERSISTENT_CONFIG = False
    first_rows.fill_from_environment()
    assert SiteSettings.load().name == "Second"


def test_a_variable_that_is_not_set_leaves_its_column_as_it_is(save, client, settings):
    settings.ENABLE_PERSISTENT_CONFIG, settings.SITE_ACCENT = False, "#AA0000"
    assert save(new_logo=io.BytesIO(picture())).status_code == 302
    first_rows.fill_from_environment()
    row = SiteSettings.load()
    assert (row.name, row.accent, bool(row.logo)) == ("Harbour", "#aa0000", True)


def test_the_form_says_which_variables_write_its_fields_at_every_start(admin, settings):
    row = SiteSettings.load()
    address = f"/admin/webui/sitesettings/{row.pk}/change/"
    settings.SITE_NAME, settings.SITE_LOGO = "Harbour", "/logo.png"
    assert first_rows.variables_of(row) == {}
    settings.ENABLE_PERSISTENT_CONFIG = False
    assert first_rows.variables_of(row) == {"name": "SITE_NAME", "logo": "SITE_LOGO"}
    page = client_of(admin).get(address).content.decode()
    assert page.count("at every start it is what SITE_NAME says") == 1
    assert "at every start it is what SITE_LOGO says" in page


@pytest.mark.parametrize("error", [OperationalError(), InterfaceError(), outages.database_away()])
def test_while_the_database_is_away_the_site_is_as_the_environment_says(db, settings, monkeypatch, error):
    def read():
        raise error

    monkeypatch.setattr(current, "_read", read)
    assert current.site() == current.Look("WebUI")
    settings.SITE_NAME = "Harbour"
    assert current.site() == current.Look("Harbour")


def test_the_console_and_the_api_say_the_name_of_the_row(alice, settings, tmp_path):
    SiteSettings.objects.create(pk=1, name="Harbour")
    settings.DATA_DIR = tmp_path
    out = io.StringIO()
    sock = listening_socket.listen("127.0.0.1", 0)
    banner.print_banner(out, sock, "daphne", 1)
    sock.close()
    assert "Harbour answers at" in out.getvalue()
    assert client_of(alice).get("/api/schema").json()["info"]["title"] == "Harbour"


@pytest.mark.parametrize("name", ["missing.png", "logo.svg"])
def test_a_logo_of_the_environment_that_is_none_names_its_variable(db, settings, tmp_path, name):
    (tmp_path / "logo.svg").write_bytes(SVG)
    settings.SITE_LOGO = str(tmp_path / name)
    with pytest.raises(ImproperlyConfigured, match="SITE_LOGO"):
        first_rows.fill_from_environment()


def test_mails_begin_with_the_name_of_the_row(db):
    from webui.accounts.adapter import AccountAdapter

    SiteSettings.objects.create(pk=1, name="Harbour")
    assert AccountAdapter().format_email_subject("Hello") == "[Harbour] Hello"
