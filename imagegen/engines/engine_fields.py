"""The fields that several kinds of engine declare, with their usual labels and help texts."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from imagegen.engines.base import EngineField

API_KEY = EngineField("secret", _("API key"), kind="secret")
MODEL = EngineField("model", _("Model"), kind="model")
SIZE = EngineField("size", _("Size"), kind="size")
STEPS = EngineField("steps", _("Steps"), kind="number")


def address(default: str, help: Any = "", *, required: bool = False) -> EngineField:
    """The field for the server's address."""
    return EngineField("url", _("Address"), help, kind="url", required=required, default=default)


def params(help: Any) -> EngineField:
    """Parameters of the provider's own, sent with every request."""
    return EngineField("params", _("Parameters"), help, kind="json")
