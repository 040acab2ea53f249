"""The set-up page, the settings pages and the language switch."""

from typing import Any

from allauth.account.utils import perform_login
from allauth.account.views import (
    PasswordChangeView,
    PasswordResetFromKeyView,
    PasswordResetView,
    PasswordSetView,
    SignupView,
)
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language as django_set_language

from chat.services import set_preferences
from providers import catalogue
from providers.callers import caller_for_user
from providers.errors import ConfigurationError, Conflict, NotFound
from providers.facts import GatewayFacts
from providers.pricing import money
from providers.relay import own_usage
from providers.relay.usage import totals
from webui import address
from webui.accounts import account_link, setup
from webui.accounts.cookies import remember_language, remember_theme
from webui.accounts.forms import LinkForm, ProfileForm, SetupForm
from webui.models import User


@never_cache
@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
def set_up(request: HttpRequest, token: str) -> HttpResponse:
    """Make the first administrator. Without a valid link this page does not exist."""
    if not setup.is_valid(token):
        raise Http404
    form = SetupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            user = setup.create_first_administrator(
                token, email=data["email"], name=data["name"], password=data["password1"]
            )
        except NotFound as error:
            raise Http404 from error
        address.remember(request)
        set_preferences(user.pk, {"language": get_language() or settings.LANGUAGE_CODE})
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return redirect("/")
    return render(request, "setup/first_administrator.html", {"form": form})


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest) -> HttpResponseBase:
    """Ask for the password of the account that a sign-in through a provider is to open from now on."""
    sign_in = account_link.pending(request)
    user = account_link.account_of(sign_in) if sign_in else None
    if user is None:
        return redirect("account_login")
    form = LinkForm(request.POST or None, request=request, user=user)
    if request.method != "POST" or not form.is_valid():
        return render(request, "socialaccount/link.html", {"form": form, "email": user.email})
    if not user.is_active:
        account_link.drop(request)
        return redirect("account_inactive")
    try:
        account_link.join(request, sign_in, user)
    except Conflict:
        return redirect("account_login")
    response: HttpResponseBase = perform_login(
        request, user, redirect_url=sign_in.get_redirect_url(request), signal_kwargs={"sociallogin": sign_in}
    )
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponseBase:
    user: Any = request.user
    shown = {
        "name": user.name,
        "language": get_language(),
        "theme": user.preferences.get("theme", "system"),
        "voice": user.preferences.get("voice", ""),
        "listening": user.preferences.get("listening", "site"),
        "without_recipes": user.preferences.get("recipes") is False,
    }
    form = ProfileForm(request.POST or None, initial=shown)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        user.name = data["name"]
        user.save(update_fields=["name"])
        chosen = {name: data[name] or None for name in ("language", "theme", "voice", "listening")}
        chosen["recipes"] = False if data["without_recipes"] else None
        set_preferences(user.pk, chosen)
        with override(data["language"]):
            messages.success(request, _("Saved."))
        response = redirect("settings")
        remember_language(response, data["language"])
        remember_theme(response, data["theme"])
        return response
    return render(request, "settings/profile.html", {"form": form, "section": "profile"})


class ChangePassword(PasswordChangeView):  # type: ignore[misc]
    template_name = "settings/password.html"
    success_url = reverse_lazy("account_change_password")
    extra_context = {"section": "password"}  # noqa: RUF012  (Django's own attribute)


class SetPassword(PasswordSetView):  # type: ignore[misc]
    """The page for a first password, for people who signed up through OpenID Connect."""

    template_name = "settings/password.html"
    success_url = reverse_lazy("account_change_password")
    extra_context = {"section": "password", "first": True}  # noqa: RUF012


class SendsLinks:
    """Base of views that send mails with links. Precedes the view's class.

    It checks first whether links can be made, before it looks at the e-mail address: so the answer does not reveal
    whether there is an account.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if settings.EMAIL_ENABLED:
            try:
                address.origin_for(request)
            except ConfigurationError as error:
                return render(request, "account/no_links.html", {"message": error.message}, status=error.status)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response


class SignUp(SendsLinks, SignupView):  # type: ignore[misc]
    """A new account. If the site sends mail, a link proves the address; otherwise it can be used at once.

    For an address that has an account, the answer is the same and takes as long.
    """

    def form_valid(self, form: Any) -> HttpResponseBase:
        if form.account_already_exists:
            User().set_password(form.cleaned_data["password1"])  # takes the time that a new account takes
        if settings.EMAIL_ENABLED:
            response: HttpResponseBase = super().form_valid(form)
            return response
        if not form.account_already_exists:
            form.save(self.request)
        return redirect("account_signed_up")


@require_http_methods(["GET", "HEAD"])
def signed_up(request: HttpRequest) -> HttpResponse:
    return render(request, "account/signed_up.html")


class ResetPassword(SendsLinks, PasswordResetView):  # type: ignore[misc]
    """A new password through a link by e-mail. A site that sends no mail shows whom to ask."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.EMAIL_ENABLED:
            return render(request, "account/password_reset_ask.html")
        return super().dispatch(request, *args, **kwargs)


class ResetPasswordFromKey(PasswordResetFromKeyView):  # type: ignore[misc]
    """The page that a one-time link leads to."""

    def form_valid(self, form: Any) -> HttpResponseBase:
        try:
            response: HttpResponseBase = super().form_valid(form)
        except Conflict:
            self.reset_user = None
            response = self.render_to_response(self.get_context_data(token_fail=True))
        return response


@login_required
@require_http_methods(["GET", "HEAD"])
def usage(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    first, last = own_usage.days_between("", "")
    rows = own_usage.by_day_and_model(Q(user=user), first, last)
    gateway = catalogue.snapshot_blocking().gateway
    context = {
        "rows": [
            {"day": day, "model": model, "total": total, "cost": _cost(total, gateway)}
            for (day, model), total in rows.items()
        ],
        "total": (whole := totals.summed(rows.values())),
        "cost": _cost(whole, gateway),
        "currency": gateway.currency,
        "budgets": own_usage.budgets_of(caller_for_user(user)),
        "days": own_usage.DAYS,
        "section": "usage",
    }
    return render(request, "settings/usage.html", context)


def _cost(total: totals.Total, gateway: GatewayFacts) -> str:
    return money.in_words(total.cost, gateway, totals.without_cost(total))


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Django's language switch, which also stores the language for the person."""
    response: HttpResponse = django_set_language(request)
    code = request.POST.get("language", "")
    user: Any = request.user
    if user.is_authenticated and code in dict(settings.LANGUAGES):
        set_preferences(user.pk, {"language": code})
    if isinstance(response, HttpResponseRedirect):
        remember_language(response, code)
    return response
