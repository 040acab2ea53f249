"""The page that explains a request: what would happen to it, and why. `providers.relay.explain` says it."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import FormView
from unfold.views import UnfoldModelAdminViewMixin
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from providers import catalogue, json_bodies
from providers.admin.relations import RowField, RowSelect
from providers.authentication import caller_of
from providers.errors import BadRequest
from providers.models import Budget, ClientKey, RateLimit, SourceOrder
from providers.models.chat_models import FallbackReason
from providers.relay import explain
from providers.relay.budgets.accounts import UNITS
from providers.relay.explain import EXPLAINED, Asker
from providers.relay.operations import CHAT
from providers.relay.rate_limits import COUNTED, WINDOWS

MOST_OFFERED = 1000  # ids of models beside the field
MOST_TEXT = 1_000_000  # characters of a body
LONGEST_MODEL = 255
STATES = {  # state of a source: colour of its dot, words
    explain.READY: ("ok", gettext_lazy("ready")),
    explain.RESTING: ("unknown", gettext_lazy("rests after a failure, so it is tried last")),
    explain.UNUSABLE: ("failing", gettext_lazy("cannot be used")),
    explain.ANSWERED_HERE: ("ok", gettext_lazy("not asked: this site answers with an estimate")),
}


def may_explain(request: HttpRequest) -> bool:
    """Whether this person may ask: administrators, as the API decides."""
    return getattr(request.user, "role", "") == "admin"


def example_of(operation: str) -> str:
    """The example of an operation, as the field for the body shows it."""
    row = EXPLAINED.get(operation, CHAT)
    return json.dumps(row.example, indent=2, ensure_ascii=False)


class CallForm(forms.Form):
    """A request and in whose name it is explained."""

    operation = forms.ChoiceField(
        label=gettext_lazy("Operation"),
        choices=[(name, f"{name} · /{row.path}") for name, row in EXPLAINED.items()],
        widget=UnfoldAdminSelectWidget,
    )
    model = forms.CharField(
        label=gettext_lazy("Model"),
        max_length=LONGEST_MODEL,
        required=False,
        widget=UnfoldAdminTextInputWidget(
            attrs={"list": "explain-models", "autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
        ),
    )
    user = RowField(
        label=gettext_lazy("Person"),
        queryset=get_user_model()._default_manager.all(),
        required=False,
        help_text=gettext_lazy("Without a person and a key: you."),
    )
    key = RowField(label=gettext_lazy("or API key"), queryset=ClientKey.objects.select_related("user"), required=False)
    body = forms.CharField(
        label=gettext_lazy("Body"),
        max_length=MOST_TEXT,
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8, "spellcheck": "false"}),
        help_text=gettext_lazy("The model above counts. Empty: a small example."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("user", "key"):  # found as in the form of a rate limit
            field: Any = self.fields[name]
            relation = RateLimit._meta.get_field(name)
            field.widget = RowSelect(relation, admin.site, choices=field.choices)
            field.widget.is_required = False

    def clean_body(self) -> dict[str, Any]:
        try:
            value = json_bodies.parse_request(self.cleaned_data["body"].encode("utf-8", "surrogatepass"))
        except BadRequest as error:
            raise forms.ValidationError(error.message) from error
        if not isinstance(value, dict):
            raise forms.ValidationError(_("The body of the request must be a JSON object."))
        return value

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("user") and values.get("key"):
            self.add_error("key", _("Choose a person or a key, not both: a key belongs to somebody."))
        return values


class ExplainView(UnfoldModelAdminViewMixin, FormView):  # type: ignore[misc,type-arg]
    """GET with fields in the query, or POST with them: what would happen. Without fields the empty form."""

    title = gettext_lazy("Explain a call")
    permission_required = ()  # `has_permission` decides
    template_name = "admin/providers/chatmodel/explain.html"
    form_class = CallForm
    http_method_names = ("get", "post")

    def has_permission(self) -> bool:
        return may_explain(self.request)

    def get_initial(self) -> dict[str, Any]:
        return {"operation": CHAT.name, "body": example_of(CHAT.name)}

    def get_form_kwargs(self) -> dict[str, Any]:
        given = self.request.POST if self.request.method == "POST" else self.request.GET
        is_asked = any(given.get(name) for name in self.form_class.base_fields)
        return {"initial": self.get_initial(), "data": _completed(given) if is_asked else None}

    def form_valid(self, form: CallForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        form: CallForm = context["form"]
        explained = _explained(self.request, form) if form.is_bound and form.is_valid() else None
        models = sorted(catalogue.snapshot_blocking().routes)[:MOST_OFFERED]
        return {**context, "explained": explained, "models": models, "opts": self.model_admin.model._meta}


def _completed(given: QueryDict) -> QueryDict:
    """The fields, with the example of the operation where the body is empty or another operation's example."""
    values = given.copy()
    operation = values.get("operation", "")
    if operation not in EXPLAINED:
        operation = values["operation"] = CHAT.name
    body = values.get("body", "").replace("\r\n", "\n").strip()
    if not body or body in {example_of(name) for name in EXPLAINED}:
        values["body"] = example_of(operation)
    return values


def _explained(request: HttpRequest, form: CallForm) -> dict[str, Any] | None:
    """What the page shows of an explanation; None where the request cannot be explained, which the form says then."""
    values = form.cleaned_data
    body = dict(values["body"])
    if values["model"]:
        body = {"model": values["model"], **{name: value for name, value in body.items() if name != "model"}}
    if values["key"]:
        asker = explain.of_key(values["key"])
    elif values["user"]:
        asker = explain.of_person(values["user"])
    else:
        asker = Asker(caller_of(request))
    try:
        answer = explain.explain(values["operation"], body, asker)
    except BadRequest as error:
        form.add_error(error.param if error.param in form.fields else "body", str(error.message))
        return None
    return {
        **answer,
        "is_refused": not answer["access"]["allowed"] or any(limit["refuses"] for limit in answer["limits"]),
        "sources": [_source(source, body) for source in answer["sources"]],
        "limits": [_limit(limit) for limit in answer["limits"]],
        "order": SourceOrder(answer["order"]).label if answer["order"] else "",
        "by_chance": answer["order"] != SourceOrder.POSITION and len(answer["sources"]) > 1,
        "fallbacks": [
            {**entry, "reasons": [FallbackReason(reason).label for reason in entry["reasons"]]}
            for entry in answer["fallbacks"]
        ],
    }


def _source(source: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    sent, (dot, words) = source["body"], STATES[source["state"]]
    rows = explain.differences(body, sent) if sent is not None else []
    for row in rows:
        row |= {name: _readable(row[name]) for name in ("before", "after") if name in row}
    return {
        **source,
        "dot": dot,
        "state_words": words,
        "headers": sorted(source["headers"].items(), key=lambda item: item[0].lower()),
        "rows": rows,
        "whole": "" if sent is None else _readable(sent),
    }


def _limit(limit: dict[str, Any]) -> dict[str, Any]:
    """A limit in words: what it counts and for whom, what is used and left, when it begins anew."""
    resets_at = parse_datetime(limit["resets_at"])
    if limit["kind"] == "rate_limit":
        return {
            "words": _("%(what)s per %(window)s") % {
                "what": COUNTED[limit["counts"]], "window": WINDOWS[limit["seconds"]]
            },
            "whose": RateLimit.Target(limit["target"]).label,
            "used": limit["used"],
            "left": limit["left"],
            "of": limit["limit"],
            "resets_at": resets_at,
            "refuses": limit["refuses"],
        }  # fmt: skip
    is_money = limit["unit"] == Budget.Unit.MONEY
    unit = catalogue.snapshot_blocking().gateway.currency if is_money else UNITS[limit["unit"]]
    return {
        "words": f"{limit['name']} ({limit['models']})" if limit["models"] else limit["name"],
        "whose": Budget.Subject(limit["target"]).label,
        "used": limit["spent"],
        "left": limit["left"],
        "of": f"{limit['amount']} {unit}",
        "resets_at": resets_at,
        "refuses": limit["refuses"],
    }


def _readable(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
