"""The forms of the administration: connections, models and presets, API keys, the gateway's settings."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from providers import auth, callers, services
from providers.addresses import validate_base_url
from providers.admin.key_form import KeysField, PlainTextField, ServerForm, check_access
from providers.fields import is_mask, is_unreadable, named_keys
from providers.json_bodies import TypedJSONField
from providers.models import ChatModel, ClientKey, Connection, FallbackReason, GatewaySettings, ModelSource
from providers.secrets.pasted import checked
from providers.upstream import kinds

_NOTES = [kind.note for kind in kinds.KINDS.values() if kind.note]
OPTION = "option_"  # prefix of the form fields of `auth_options`


class LinesField(PlainTextField):
    """A list of texts, one per line, each once."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(_tag_name(item) for item in value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return list(dict.fromkeys(line.strip() for line in str(value or "").splitlines() if line.strip()))

    def validate(self, value: Any) -> None:
        """Nothing more to check: the list may be empty."""

    def run_validators(self, value: Any) -> None:
        for item in value:
            super().run_validators(item)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool([_tag_name(item) for item in initial or []] != self.to_python(data))


def _tag_name(tag: Any) -> str:
    return str(tag.get("name", "")) if isinstance(tag, dict) else str(tag)


def option_fields() -> dict[str, forms.Field]:
    """A form field for each value that an auth type stores in `auth_options`; types with the same name share it."""
    fields: dict[str, forms.Field] = {}
    for auth_type in auth.AUTH_TYPES.values():
        for declared in auth_type.fields:
            if declared.name != "secret":
                fields.setdefault(
                    OPTION + declared.name,
                    forms.CharField(
                        label=declared.label,
                        help_text=declared.help,
                        required=False,
                        max_length=500,
                        widget=UnfoldAdminTextInputWidget,
                    ),
                )
    return fields


def types_with(field_name: str) -> list[str]:
    """The auth types that declare a field of this name."""
    return [name for name, row in auth.AUTH_TYPES.items() if any(field.name == field_name for field in row.fields)]


class ParametersField(TypedJSONField):
    """A JSON object; an empty field is an empty object."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "" if value in (None, {}, "{}") else super().prepare_value(value)


KEPT_PARAMS = frozenset({"model", "messages", "input", "prompt", "stream"})  # a call is not the same without them


class BodyRulesForm(forms.Form):
    """The fields of rows that change the bodies of requests: what is added, and what is dropped."""

    extra_params = ParametersField(
        label=gettext_lazy("Added parameters"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false", "class": "font-mono"}),
        help_text=gettext_lazy(
            'A JSON object whose members are sent with every request, instead of what it has, for example {"provider": '
            '{"data_collection": "deny"}}. Those of a model count before those of its connection.'
        ),
    )
    dropped_params = LinesField(
        label=gettext_lazy("Dropped parameters"),
        rows=2,
        help_text=gettext_lazy("One name per line. They are left out of every request, for example “user”."),
    )

    def clean_extra_params(self) -> dict[str, Any]:
        params = self.cleaned_data["extra_params"] or {}
        if not isinstance(params, dict):
            raise ValidationError(_('Parameters must be a JSON object, for example {"temperature": 0.2}.'))
        return dict(_without_kept(params))

    def clean_dropped_params(self) -> list[str]:
        names: list[str] = self.cleaned_data["dropped_params"]
        return list(_without_kept(dict.fromkeys(names)))


def _without_kept(names: dict[str, Any]) -> dict[str, Any]:
    """The names, none of which may be one of `KEPT_PARAMS`. Raises ValidationError."""
    if refused := sorted(KEPT_PARAMS & names.keys()):
        raise ValidationError(
            _("“%(name)s” belongs to whoever calls and cannot be changed here.") % {"name": refused[0]}
        )
    return names


class ConnectionForm(BodyRulesForm, ServerForm):
    more_keys = KeysField(
        label=gettext_lazy("Further API keys"),
        rows=2,
        help_text=gettext_lazy(
            "One per line. Calls take turns with all keys; a key that is used up or refused rests. Stored keys are "
            "shown as masks: a mask keeps its key, and without its line it is removed."
        ),
    )
    tags = LinesField(
        label=gettext_lazy("Tags"),
        rows=2,
        help_text=gettext_lazy(
            "One per line, shown with every model of this connection, for example “fast” or “in-house”."
        ),
    )
    model_ids = LinesField(
        label=gettext_lazy("Model ids"),
        rows=4,
        help_text=gettext_lazy(
            "One per line, spelled as the provider does, for example “gpt-6”. When set, only these models are "
            "offered, and the provider is not asked. On Azure: the names of your deployments."
        ),
    )

    class Meta:
        model = Connection
        exclude = ("secret", "auth_options")  # set by `new_key` and the option fields
        widgets = {  # noqa: RUF012  as Django documents it
            "base_url": UnfoldAdminTextInputWidget(attrs={"spellcheck": "false", "inputmode": "url"}),
        }
        help_texts = {  # noqa: RUF012
            "name": gettext_lazy("Shown to people beside the model, for example “OpenAI” or “GPU server”."),
            "base_url": f"{', '.join(kind.example for kind in kinds.KINDS.values())} …",
            "kind": format_lazy(" ".join(["{}"] * len(_NOTES)), *_NOTES),
            "api_version": gettext_lazy("For addresses without /openai/v1, for example 2024-10-21."),
            "connection_type": gettext_lazy(
                "Chats with local models use the local task model too, so nothing goes to an external provider."
            ),
            "access": gettext_lazy(
                "Applies to all its models that have no rule of their own. Administrators may use everything."
            ),
            "shared_access": gettext_lazy(
                "When several connections offer the same model, people need access to each of them. With “Only the "
                "rule above”, this connection ignores the others and answers everyone whom its own rule allows."
            ),
            "forward_cookies": gettext_lazy(
                "Send cookies only to a service of your own that reads them. This site's own cookies are never sent."
            ),
            "verify_tls": gettext_lazy("Switch this off only for a server in your own network."),
            "ca_file": gettext_lazy(
                "Path of a PEM file on this server, for certificates that your own authority has signed."
            ),
            "connect_timeout": gettext_lazy("Empty: the value of UPSTREAM_CONNECT_TIMEOUT (10)."),
            "first_byte_timeout": gettext_lazy(
                "Empty: the value of UPSTREAM_FIRST_BYTE_TIMEOUT. A large local model may take minutes to load."
            ),
            "idle_timeout": gettext_lazy("Empty: the value of AIOHTTP_CLIENT_TIMEOUT (300)."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row: Connection = self.instance
        self._stored_keys = dict(row.more_keys)
        if row._state.adding and "position" in self.fields:  # last, so that no model gets another first source
            last = Connection.objects.filter(demo=False).aggregate(last=Max("position"))["last"]
            self.fields["position"].initial = 0 if last is None else last + 1
        if "shared_access" in self.fields:
            self.fields["shared_access"].required = False  # a form without it leaves it as it is
        for name in [name for name in self.fields if name.startswith(OPTION)]:
            self.fields[name].initial = row.auth_options.get(name.removeprefix(OPTION), "")

    def column_of(self, field: str) -> str:
        return "auth_options" if field.startswith(OPTION) else super().column_of(field)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("base_url"):
            data["base_url"] = kinds.clean_base_url(data.get("kind", ""), data["base_url"])
            try:
                validate_base_url(data["base_url"])
            except ValidationError as error:
                self.add_error("base_url", error)
        check_access(self, "groups")
        prefix = data.get("prefix_id", "")
        if any(char.isspace() for char in prefix):
            self.add_error("prefix_id", _("A prefix cannot contain spaces."))
        self._check_options(data)
        return data

    def _check_options(self, data: dict[str, Any]) -> None:
        auth_type = auth.AUTH_TYPES.get(data.get("auth_type", ""))
        for declared in auth_type.fields if auth_type else ():
            if not declared.required:
                continue
            if declared.name == "secret":
                if not data.get("new_key") and (data.get("remove_key") or not self.instance.secret):
                    self.add_error("new_key", _("This authentication type needs a value here."))
            elif not data.get(OPTION + declared.name):
                self.add_error(OPTION + declared.name, _("This authentication type needs a value here."))

    def clean_more_keys(self) -> dict[str, str]:
        stored, lines = self._stored_keys, self.cleaned_data["more_keys"]
        if not lines and is_unreadable(stored):
            return dict(stored)  # nothing was shown, so nothing was taken away
        if odd := next((line for line in lines if is_mask(line) and line not in stored), ""):
            words = _("“%(mask)s” is a mask, but not of a stored key: enter the key itself.")
            raise ValidationError(words % {"mask": odd})
        return named_keys(stored.get(line) or checked(line) for line in lines)

    def change_instance(self) -> None:
        super().change_instance()
        data, row = self.cleaned_data, self.instance
        if "more_keys" in data:
            stored = set(self._stored_keys.values())
            entered = {name for name, key in data["more_keys"].items() if key not in stored}
            row.enter("more_keys", data["more_keys"], names=entered)
        auth_type = auth.AUTH_TYPES.get(row.auth_type)
        if auth_type is not None and any(name.startswith(OPTION) for name in self.fields):
            names = [declared.name for declared in auth_type.fields if declared.name != "secret"]
            row.auth_options = {name: data[OPTION + name] for name in names if data.get(OPTION + name)}


# The option fields follow from the table of auth types.
ConnectionForm.base_fields.update(option_fields())
ConnectionForm.declared_fields.update(option_fields())


class FallbacksField(PlainTextField):
    """Models that answer instead, one `MODEL` or `MODEL: reason, reason` per line; see `ChatModel.fallbacks`."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(self._line, value)) if isinstance(value, list) else value

    @staticmethod
    def _line(entry: Any) -> str:
        if not isinstance(entry, dict):
            return str(entry)
        reasons = ", ".join(map(str, entry.get("on") or ()))
        return f"{entry.get('model', '')}: {reasons}" if reasons else str(entry.get("model", ""))

    def to_python(self, value: Any) -> Any:
        return [self._entry(line.strip()) for line in str(value or "").splitlines() if line.strip()]

    @staticmethod
    def _entry(line: str) -> dict[str, Any]:
        model, _colon, words = line.partition(": ")
        reasons = [word.strip() for word in words.split(",") if word.strip()]
        if odd := next((word for word in reasons if word not in FallbackReason.values), ""):
            facts = {"reason": odd, "reasons": ", ".join(FallbackReason.values)}
            raise ValidationError(_("“%(reason)s” is no reason. The reasons are %(reasons)s.") % facts, "reason")
        return {"model": model.strip(), **({"on": reasons} if reasons else {})}

    def validate(self, value: Any) -> None:
        """Nothing more to check: the list may be empty, and the form looks whether the models exist."""

    def run_validators(self, value: Any) -> None:
        """Nothing more to check: `to_python` does."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != (initial or []))
        except ValidationError:
            return True


class ChatModelForm(BodyRulesForm, forms.ModelForm):  # type: ignore[type-arg]
    """The settings of a discovered model, or a preset."""

    tags = LinesField(label=gettext_lazy("Tags"), rows=2, help_text=gettext_lazy("One per line."))
    params = ParametersField(
        label=gettext_lazy("Parameters"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5, "spellcheck": "false", "class": "font-mono"}),
        help_text=gettext_lazy(
            'Defaults for requests, for example {"temperature": 0.2}. Values in a request take precedence.'
        ),
    )

    fallbacks = FallbacksField(
        label=gettext_lazy("Fallback models"),
        rows=3,
        help_text=gettext_lazy(
            "One id per line, in the order in which they are tried when this model cannot answer. Reasons may follow: "
            "“gpt-6-mini: unavailable, context_length”; the third is content_filter. People get only models that they "
            "may use. Their answer says so in the header x-webui-fallback."
        ),
    )

    class Meta:
        model = ChatModel
        widgets = {  # noqa: RUF012
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "system_prompt": UnfoldAdminTextareaWidget(attrs={"rows": 6}),
        }
        fields = (
            "public_id", "name", "description", "enabled", "tags", "vision", "tools", "context_length", "base",
            "needs_base", "params", "system_prompt", "order", "fallbacks", "extra_params", "dropped_params", "owner",
            "access", "groups", "users",
        )  # fmt: skip
        help_texts = {  # noqa: RUF012
            "public_id": gettext_lazy("What callers send as “model”. It cannot be changed afterwards."),
            "name": gettext_lazy("Empty: the provider's name."),
            "base": gettext_lazy("The model that answers. The preset adds its own system prompt and parameters."),
            "needs_base": gettext_lazy(
                "It opens its base to nobody, and its calls count as calls of that, in usage, prices and budgets. The "
                "assistants that people make are always so."
            ),
            "system_prompt": gettext_lazy(
                "Sent before every conversation. Filled in for each call: {{USER_NAME}}, {{USER_EMAIL}}, "
                "{{USER_ROLE}}, {{USER_GROUPS}}, {{USER_LANGUAGE}}, {{CURRENT_DATE}}, {{CURRENT_TIME}}, "
                "{{CURRENT_DATETIME}}, {{CURRENT_WEEKDAY}}, {{CURRENT_TIMEZONE}}."
            ),
            "vision": gettext_lazy("Unknown: what the provider reports."),
            "tools": gettext_lazy(
                "Unknown: what the provider reports. This site's tools are offered only to models that can use tools."
            ),
            "context_length": gettext_lazy(
                "How many tokens the model reads at once, for example 128000. Empty: what the provider reports. People "
                "see how full it is, and long chats are summarised before it ends."
            ),
            "order": gettext_lazy(
                "When several connections offer the model. A weight of 3 gets three times as many calls as a weight "
                "of 1; one of 0 gets calls when the others fail. Whatever is chosen, connections that fail are tried "
                "last."
            ),
            "access": gettext_lazy("Administrators may use everything."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "order" in self.fields:
            self.fields["order"].required = False  # a form without it leaves it as it is

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        check_access(self, "groups", "users")
        return data

    def clean_params(self) -> dict[str, Any]:
        params = self.cleaned_data["params"] or {}
        if not isinstance(params, dict):
            raise ValidationError(_('Parameters must be a JSON object, for example {"temperature": 0.2}.'))
        return params

    def clean_fallbacks(self) -> list[dict[str, Any]]:
        fallbacks: list[dict[str, Any]] = self.cleaned_data["fallbacks"]
        ids = [entry["model"] for entry in fallbacks]
        known = set(ChatModel.objects.filter(public_id__in=ids).values_list("public_id", flat=True))
        if unknown := [model for model in ids if model not in known]:
            raise ValidationError(_("There is no model with the id “%(id)s”.") % {"id": unknown[0]}, "unknown")
        if self.instance.public_id and self.instance.public_id in ids:
            raise ValidationError(_("A model cannot stand in for itself."), "itself")
        return fallbacks

    def clean_public_id(self) -> str:
        public_id = str(self.cleaned_data["public_id"]).strip()
        if any(char.isspace() or not char.isprintable() for char in public_id):
            raise ValidationError(_("An id cannot contain spaces."))
        return public_id

    def clean_base(self) -> ChatModel | None:
        base: ChatModel | None = self.cleaned_data["base"]
        chain, ancestor = {self.instance.pk}, base
        while ancestor is not None:
            if ancestor.pk in chain and ancestor.pk is not None:
                raise ValidationError(_("A preset cannot be based on itself. Choose another base model."))
            chain.add(ancestor.pk)
            ancestor = ancestor.base
        if base is None and self.instance._state.adding:
            raise ValidationError(_("Choose a base model. Models without one come from the connections."))
        return base


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """What administrators change of a source: its weight, and what was learnt of it."""

    unknown_params = LinesField(label=gettext_lazy("Unknown parameters"), rows=1)

    class Meta:
        model = ModelSource
        fields = ("weight", "unknown_params")


class ClientKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Only for"),
        required=False,
        choices=lambda: [(name, str(label)) for name, label in callers.SCOPES.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("Nothing chosen: everything that its owner may do."),
    )

    class Meta:
        model = ClientKey
        fields = ("user", "group", "name", "scopes", "models", "addresses", "expires_at")
        widgets = {  # noqa: RUF012
            "models": UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"}),
            "addresses": UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"}),
        }
        help_texts = {  # noqa: RUF012
            "user": gettext_lazy("Whose key it is. Leave it empty for the key of a group."),
            "name": gettext_lazy("What the key is for, for example “nightly report”."),
            "expires_at": gettext_lazy("Empty: valid until it is revoked."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "user" in self.fields:
            self.fields["user"].required = False

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if "user" in self.fields and bool(data.get("user")) == bool(data.get("group")) and not self.errors:
            self.add_error("user", _("Choose either a person or a group."))
        return data


class RotateKeyForm(forms.Form):
    """How long the secret so far stays valid."""

    keep = forms.ChoiceField(
        label=gettext_lazy("The key so far works for"),
        choices=lambda: list(services.OVERLAPS.items()),
        initial="86400",
        widget=UnfoldAdminSelectWidget,
    )


class GatewaySettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """The settings of the gateway. A model that was chosen stays in the choices after it is gone."""

    MODEL_FIELDS = ("default_model", "task_model", "task_model_external")

    class Meta:
        model = GatewaySettings
        fields = (
            "enable_openai_api",
            "default_model",
            "task_model",
            "task_model_external",
            "speech_model",
            "speech_voice",
            "transcription_model",
            "currency",
            "currency_rate",
        )
        help_texts = {  # noqa: RUF012
            "enable_openai_api": gettext_lazy("When this is off, no model is listed and no request is sent."),
            "default_model": gettext_lazy("Selected for people who have not chosen a model."),
            "task_model": gettext_lazy("Writes titles and image prompts for chats with models of local connections."),
            "task_model_external": gettext_lazy("Does the same for all other chats. Empty: the chat's own model."),
            "speech_model": gettext_lazy("For example “tts-1”. Empty: the first speech model that a connection lists."),
            "speech_voice": gettext_lazy("For example “alloy”, or any other voice of the model. Empty: alloy."),
            "transcription_model": gettext_lazy(
                "For example “whisper-1”. Empty: the first such model that a connection lists. People may let their "
                "browser do it instead."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ids = list(ChatModel.objects.filter(enabled=True).values_list("public_id", flat=True))
        for name in self.MODEL_FIELDS:
            if name not in self.fields:
                continue
            current = getattr(self.instance, name)
            model_ids = ids if not current or current in ids else [current, *ids]
            self.fields[name] = forms.ChoiceField(
                label=self.fields[name].label,
                help_text=self.fields[name].help_text,
                required=False,
                choices=[("", _("None")), *((model_id, model_id) for model_id in model_ids)],
                widget=UnfoldAdminSelectWidget,
            )
