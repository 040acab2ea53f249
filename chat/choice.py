"""The choice of a model where none is named: the chat's, the person's last one, the default of the site, another."""

from typing import Any

from django.contrib.auth import get_user_model

from providers import catalogue
from providers.catalogue import defaults
from providers.errors import ConfigurationError
from providers.facts import Caller
from providers.sentences import sentence as _


def model_for(caller: Caller, model: str = "", *, chat_model: str = "") -> str:
    """The public id to use. Raises NotFound when `model` is not theirs, ConfigurationError when there is none."""
    snapshot = catalogue.snapshot_blocking()
    if model:
        return snapshot.route_for(caller, model).public_id
    routes = snapshot.routes_for(caller)
    allowed = {route.public_id for route in routes}
    for candidate in (chat_model, remembered_model(caller.user_id), snapshot.gateway.default_model):
        if candidate in allowed:
            return candidate
    if routes:
        return defaults.sensible_order(routes)[0].public_id
    raise ConfigurationError(_("No model is available to you yet. Ask your administrator for access."), code="no_model")


def default_model(caller: Caller) -> str:
    """The model of a new chat; empty when there is none."""
    try:
        return model_for(caller)
    except ConfigurationError:
        return ""


def remembered_model(user_id: Any) -> str:
    preferences = get_user_model()._default_manager.filter(pk=user_id).values_list("preferences", flat=True).first()
    return str((preferences or {}).get("model") or "")
