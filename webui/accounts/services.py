"""The verbs of accounts, for pages, the administration and commands."""

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from providers import versioning
from providers.errors import BadRequest, Conflict
from webui.accounts import addresses
from webui.models import User


def create_account(email: str, *, name: str = "", password: str | None = None, admin: bool = False) -> User:
    """Create an account. Without a password it cannot be signed in to until one is set through a link.

    Raises Conflict for an e-mail address that is taken, BadRequest for an invalid one. Weak passwords are accepted:
    callers check them with `complaints_about`.
    """
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadRequest(_("“%(email)s” is not an e-mail address.") % {"email": email}, param="email") from error
    if is_taken(email):
        raise Conflict(_("There is an account with the e-mail address %(email)s already.") % {"email": email})
    create = User.objects.create_superuser if admin else User.objects.create_user
    with transaction.atomic():
        user = create(email, password, name=name)
        addresses.vouch_for(user)
    return user


def unused_email(email: str) -> str:
    """The address in lower case, for a form that makes an account. Raises ValidationError where an account has it."""
    if is_taken(email):
        raise ValidationError(_("There is an account with this e-mail address already."))
    return email.lower()


def is_taken(email: str) -> bool:
    return User.objects.filter(email__iexact=email).exists()


def claim_password(user: User, password: str) -> None:
    """Set a password through a one-time link. One statement, so that of several at the same time only one succeeds.

    Raises Conflict for the others. `user` must hold the password hash with which the link was checked.
    """
    before = user.password
    user.set_password(password)
    with versioning.exclusive():
        same = User.objects.filter(pk=user.pk, password=before, is_active=user.is_active)
        if not same.update(password=user.password):
            raise Conflict(_("This link has ended."), code="link_used")
        addresses.hand_over(user)


def account_with(email: str) -> User | None:
    """The person's account with this address, whatever its case; also by a secondary address."""
    user = User.objects.people().filter(email__iexact=email).first()
    if user is None:
        rows = EmailAddress.objects.filter(email__iexact=email).order_by("-verified")
        address = rows.select_related("user").first()
        user = address.user if address else None
    return user


def complaints_about(password: str, *, email: str, name: str = "") -> list[str]:
    """Why a password is too weak; empty for a good one."""
    try:
        validate_password(password, User(email=email, name=name))
    except ValidationError as error:
        return list(error.messages)
    return []


def is_last_administrator(user: User) -> bool:
    """Whether this account is the only active administrator."""
    if not (user.pk and User.objects.filter(pk=user.pk, is_superuser=True, is_active=True).exists()):
        return False
    return not User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk).exists()


def last_administrator_words() -> str:
    return _("This is the only administrator of the site. Make another one first.")


def set_active(users: list[User], *, active: bool) -> int:
    """Activate or deactivate accounts; returns how many changed. The last administrator stays active."""
    changed = 0
    for user in users:
        if user.is_active == active or (not active and is_last_administrator(user)):
            continue
        user.is_active = active
        user.save(update_fields=["is_active"])  # one by one: signals change the version of the configuration
        changed += 1
    return changed
