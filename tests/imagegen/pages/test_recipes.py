"""The recipe of an upload on the page of pictures: told as what it is, and only in the members that are known here."""

import io
import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from chat import files
from imagegen.models import ImageEngine
from imagegen.pages import recipes
from tests.imagegen.conftest import make_engine, store

__all__ = ["make_engine", "store"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


def upload(owner, **texts):
    info, out = PngInfo(), io.BytesIO()
    for name, text in texts.items():
        info.add_text(name, text)
    Image.new("RGB", (8, 6)).save(out, "PNG", pnginfo=info)
    return files.accept(owner, out.getvalue())


def test_a_foreign_recipe_fills_only_what_this_site_can_say(client, alice, make_engine):
    engine = make_engine(model="flux")
    metadata = {"positive_prompt": "<b>fox</b>", "seed": 5, "steps": 9000, "width": 640, "height": 99_999}
    row = upload(alice, invokeai_metadata=json.dumps({**metadata, "model": {"name": "flux"}}))
    shown = recipes.shown(row, ImageEngine.objects.all())
    assert shown.request == {"prompt": "<b>fox</b>", "seed": "5", "engine": str(engine.pk), "model": "flux"}
    client.force_login(alice)
    page = client.get(f"/images/{row.pk}", headers={"X-Part": "1"}).content.decode()
    assert "in the form of InvokeAI. Nobody signed it." in page
    assert "Use this recipe" in page
    assert "&lt;b&gt;fox" in page
    assert "<b>fox" not in page
    assert recipes.shown(upload(alice), ()) is None
