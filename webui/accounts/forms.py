"""The forms of the set-up and settings pages."""

from datetime import date
from typing import Any, ClassVar

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers.matching import networks, patterns
from providers.services import OVERLAPS
from webui.accounts import services
from webui.models import User

LISTENERS = (("site", _("A model of this site")), ("browser", _("This browser")))
THEMES = [("system", _("As the device")), ("light", _("Light")), ("dark", _("Dark"))]
# How long a new API key works, in days; "" = until it is revoked.
LIFETIMES = [("", _("Until I revoke it")), ("30", _("30 days")), ("90", _("90 days")), ("365", _("One year"))]


class SetupForm(forms.Form):
    """The form that creates the first administrator."""

    name = forms.CharField(
        label=_("Your name"), max_length=150, required=False, widget=forms.TextInput({"autocomplete": "name"})
    )
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        help_text=_("You sign in with it. Nothing is sent to it."),
        widget=forms.EmailInput({"autocomplete": "username"}),
    )
    password1 = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"})
    )
    password2 = forms.CharField(
        label=_("Password again"), strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].help_text = password_validators_help_text_html()

    def clean_email(self) -> str:
        return services.unused_email(self.cleaned_data["email"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, second = data.get("password1"), data.get("password2")
        if first and second and first != second:
            self.add_error("password2", _("The two passwords are not the same."))
        elif first:
            try:
                validate_password(first, User(email=data.get("email", ""), name=data.get("name", "")))
            except ValidationError as error:
                self.add_error("password1", error)
        return data


class ProfileForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=150,
        required=False,
        help_text=_("How the site speaks to you. Models do not see it."),
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    theme = forms.ChoiceField(label=_("Appearance"), choices=THEMES, widget=forms.RadioSelect)
    voice = forms.CharField(
        label=_("Voice that reads aloud"),
        max_length=100,
        required=False,
        help_text=_("The name of a voice of the site's model, such as “nova”. Empty: the site's own choice."),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    listening = forms.ChoiceField(
        label=_("Who writes down what you say"),
        choices=LISTENERS,
        required=False,
        help_text=_("The maker of your browser may hear what you say when the browser does it."),
    )
    without_recipes = forms.BooleanField(
        label=_("My pictures leave without their recipe"),
        required=False,
        help_text=_(
            "Otherwise prompt, model, seed and size stand in the pictures that you download, and what others see of "
            "them is marked as drawn by a model."
        ),
    )


class KeyRulesForm(forms.Form):
    """Base of the forms of an API key: what it is for, and what it may be used for.

    The page folds the fields of `limits` away where they are empty.
    """

    limits = ("models", "addresses")

    name = forms.CharField(
        label=_("What is it for?"),
        max_length=100,
        widget=forms.TextInput({"placeholder": _("For example “notebook” or “backup script”"), "autocomplete": "off"}),
    )
    models = forms.CharField(
        label=_("Models"),
        required=False,
        strip=False,
        help_text=_("One per line; * stands for any text, for example gpt-*. Empty: every model that you may use."),
        widget=forms.Textarea({"rows": 2, "spellcheck": "false"}),
    )
    addresses = forms.CharField(
        label=_("Allowed addresses"),
        required=False,
        strip=False,
        help_text=_(
            "From where the key works: one address or network per line, for example 192.0.2.7 or 10.0.0.0/8. "
            "Empty: from everywhere."
        ),
        widget=forms.Textarea({"rows": 2, "spellcheck": "false"}),
    )

    def main_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in self.limits]

    def limit_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.limits]

    def has_limits(self) -> bool:
        """Whether a limit is filled in, or wrong."""
        return any(field.value() or field.errors for field in self.limit_fields())

    def clean_models(self) -> str:
        return patterns.checked(self.cleaned_data["models"])

    def clean_addresses(self) -> str:
        return networks.checked(self.cleaned_data["addresses"])


class NewKeyForm(KeyRulesForm):
    lifetime = forms.ChoiceField(label=_("Valid"), choices=LIFETIMES, required=False)

    field_order = ("name", "lifetime", "models", "addresses")


class KeyForm(KeyRulesForm):
    """The form of a key that there is. `last_day` is the last day on which it works."""

    last_day = forms.DateField(
        label=_("Valid until"),
        required=False,
        help_text=_("Empty: until you revoke it."),
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )

    field_order = ("name", "last_day", "models", "addresses")

    def clean_last_day(self) -> date | None:
        day: date | None = self.cleaned_data["last_day"]
        if day is not None and day < timezone.localdate():
            raise ValidationError(_("This day is over. To end the key now, revoke it."))
        return day


class ReplaceKeyForm(forms.Form):
    keep = forms.ChoiceField(
        label=_("How long does the key so far work?"), choices=lambda: list(OVERLAPS.items()), initial="86400"
    )


class LinkForm(forms.Form):
    """Asks for the password of an account. Attempts count together with those at sign-in."""

    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput({"autocomplete": "current-password"})
    )

    def __init__(self, *args: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user = request, user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        adapter = get_adapter(self.request)
        known = adapter.authenticate(self.request, email=self.user.email, password=password)
        if known is None or known.pk != self.user.pk:
            raise adapter.validation_error("incorrect_password")
        return password


LABELS = {
    "login": _("E-mail address"),
    "email": _("E-mail address"),
    "password": _("Password"),
    "oldpassword": _("Current password"),
    "password1": _("New password"),
    "password2": _("New password again"),
}


class OwnWords:
    """Sets our labels on django-allauth's forms, and removes its placeholders, which repeat the labels."""

    fields: dict[str, forms.Field]
    labels: ClassVar[dict[str, Any]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = self.labels.get(name) or LABELS.get(name) or field.label
            field.widget.attrs.pop("placeholder", None)


class LoginForm(OwnWords, allauth_forms.LoginForm):  # type: ignore[misc]
    pass


class SignupForm(OwnWords, allauth_forms.SignupForm):  # type: ignore[misc]
    labels: ClassVar[dict[str, Any]] = {"password1": _("Password"), "password2": _("Password again")}

    def validate_unique_email(self, value: str) -> str:
        """Note whether the address has an account, without an error: the page must not reveal it."""
        self.account_already_exists = services.account_with(value) is not None
        return value


class ChangePasswordForm(OwnWords, allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    pass


class SetPasswordForm(OwnWords, allauth_forms.SetPasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordForm(OwnWords, allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    pass


class ResetPasswordKeyForm(OwnWords, allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    def save(self) -> None:
        """Set the password. Raises Conflict when the link has been used meanwhile."""
        services.claim_password(self.user, self.cleaned_data["password1"])
