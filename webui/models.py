"""Accounts: e-mail address, name and role; and the set-up links of a new site."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractUser, Group
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from providers import versioning

SERVICE_ADDRESS = "group-%s@service.invalid"


class UserQuerySet(versioning.ConfigQuerySet["User"]):
    """Bulk writes of columns that a Caller holds count the version up: a deactivated account loses access at once."""

    def update(self, **values: Any) -> int:
        if versioning.USER_COLUMNS.isdisjoint(values):
            return models.QuerySet.update(self, **values)
        return super().update(**values)

    def people(self) -> "UserQuerySet":
        """Without the service accounts of groups."""
        return self.filter(service_group=None)


class UserManager(BaseUserManager["User"]):
    """Makes accounts from an e-mail address, because Django's own manager needs a user name."""

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        if not email:
            raise ValueError("An account needs an e-mail address.")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def people(self) -> UserQuerySet:
        return self.get_queryset().people()

    def service_account(self, group: Group) -> "User":
        """The account to which the API keys of a group belong; made when the group gets its first key.

        It is a member of that group alone, has an address that cannot exist (RFC 2606), and no password.
        """
        with transaction.atomic():
            user, new = self.get_or_create(
                service_group=group,
                defaults={
                    "email": SERVICE_ADDRESS % group.pk,
                    "name": group.name[:150],
                    "password": make_password(None),
                },
            )
            if new or not user.groups.filter(pk=group.pk).exists():
                user.groups.set([group])
        return user

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email__iexact=email)


class User(AbstractUser):
    """One person. A superuser is called an administrator."""

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    # Settings of this person's pages: {"model": public id, "theme": "light" | "dark", …}.
    preferences = models.JSONField(default=dict, blank=True, editable=False)
    # Of a service account: the group whose API keys belong to it. Nobody can sign in to it, and lists of people leave
    # it out; it is an account so that chats, files and usage of these keys have an owner.
    service_group = models.OneToOneField(
        Group, models.CASCADE, null=True, blank=True, editable=False, related_name="service_account"
    )

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name or self.email.partition("@")[0]

    @property
    def is_service(self) -> bool:
        """Whether this is no person but the account of a group's API keys."""
        return self.service_group_id is not None

    @property
    def role(self) -> str:
        """`admin` or `user`, for user headers and templates."""
        return "admin" if self.is_superuser else "user"


class SiteSettings(versioning.SettingsRow):
    """The name and look of the site, in one row (pk 1). An empty column means the default."""

    LONGEST_NAME = 60

    name = models.CharField(_("name of the site"), max_length=LONGEST_NAME, blank=True)
    accent = models.CharField(
        _("accent"), max_length=7, blank=True, validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", _("Write #rrggbb."))]
    )
    logo = models.BinaryField(_("logo"), default=b"", blank=True)  # a small PNG of ours, see `webui.branding.logos`

    history = HistoricalRecords(excluded_fields=["logo"])

    class Meta:
        verbose_name = _("name and look")
        verbose_name_plural = _("name and look")


class SiteAddress(models.Model):
    """One row (pk 1): where an administrator last found the site; see `webui.address`."""

    LONGEST = 300

    origin = models.CharField(max_length=LONGEST)

    def __str__(self) -> str:
        return self.origin


class Housekeeping(models.Model):
    """One row (pk 1): when the last daily clearing began, see `webui.housekeeping`."""

    begun = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.begun:%Y-%m-%d %H:%M}"


class SetupLink(models.Model):
    """A link that makes the first administrator, see `webui.accounts.setup`. Only its SHA-256 is stored."""

    digest = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.created:%Y-%m-%d %H:%M}"
