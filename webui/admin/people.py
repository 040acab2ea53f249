"""People and groups in the admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelect2MultipleWidget

from chat.models import Chat
from providers.admin import relations
from providers.admin.base import AdminPages, Label
from providers.admin.conflicts import GuardedAdmin
from providers.admin.rights import may_change_group, may_speak_for
from providers.errors import ConfigurationError
from providers.models import ClientKey
from webui import address
from webui.accounts import addresses, links, services
from webui.models import User

admin.site.unregister(Group)


# Django's own words speak of superusers and staff.
WORDS: dict[str, dict[str, Any]] = {
    "labels": {
        "is_superuser": gettext_lazy("Administrator"),
        "is_active": gettext_lazy("May sign in"),
        "is_staff": gettext_lazy("May open the administration"),
        "user_permissions": gettext_lazy("Permissions"),
    },
    "help_texts": {
        "is_superuser": gettext_lazy("May do everything: connections, models, people, settings."),
        "is_active": gettext_lazy(
            "Switch an account off instead of deleting it: the chats stay, API keys stop working."
        ),
        "is_staff": gettext_lazy("Sees what the permissions below, or those of their groups, allow."),
        "groups": gettext_lazy("Connections and models can be opened to groups."),
        "user_permissions": "",
    },
}


class NewUserForm(forms.ModelForm):  # type: ignore[type-arg]
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Leave it empty to get a link with which they choose their own."),
    )

    class Meta:
        model = User
        fields = ("email", "name", "is_superuser", "groups")
        labels = WORDS["labels"]
        help_texts = WORDS["help_texts"]

    def clean_email(self) -> str:
        return services.unused_email(self.cleaned_data["email"])

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password, User(email=self.cleaned_data.get("email", "")))
        return password

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        user.set_password(self.cleaned_data["password"] or None)
        user.is_staff = user.is_superuser
        if commit:
            user.save()
            self.save_m2m()
        return user


class UserForm(UserChangeForm):  # type: ignore[misc]
    class Meta:
        model = User
        fields = "__all__"
        labels = WORDS["labels"]
        help_texts = WORDS["help_texts"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        stays = data.get("is_superuser", self.instance.is_superuser) and data.get("is_active", self.instance.is_active)
        if not stays and services.is_last_administrator(self.instance):
            raise ValidationError(services.last_administrator_words())
        return data


@admin.register(User)
class UserAdmin(GuardedAdmin, AdminPages, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]
    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("person", "role", "is_active", "member_of", "chat_count", "key_count", "seen", "since")
    list_display_links = ("person",)
    list_filter = ("is_superuser", "is_active", "groups", "last_login")
    list_filter_submit = True
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("last_login", "date_joined")
    autocomplete_fields = ("groups",)
    filter_horizontal = ("user_permissions",)
    actions = ("deactivate", "activate")
    actions_detail = ("password_link", "may_use")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (
            gettext_lazy("Access"),
            {
                "fields": ("is_active", "is_superuser", "groups"),
                "description": gettext_lazy("Groups decide which connections and models a person may use."),
            },
        ),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
        (
            gettext_lazy("Permissions in the administration"),
            {
                "classes": ("collapse",),
                "fields": ("is_staff", "user_permissions"),
                "description": gettext_lazy(
                    "Administrators may do everything. These are for people who should see only a part of it."
                ),
            },
        ),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password", "is_superuser", "groups")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        # Subqueries: two joins would multiply each other's counts.
        chats = Chat.objects.filter(user=OuterRef("pk"), deleted_at=None).order_by().values("user")
        keys = ClientKey.objects.filter(user=OuterRef("pk"), revoked_at=None).order_by().values("user")
        rows: QuerySet[User] = super().get_queryset(request).filter(service_group=None)
        return rows.prefetch_related("groups").annotate(
            chats_now=Coalesce(Subquery(chats.annotate(n=Count("pk")).values("n")), 0),
            keys_now=Coalesce(Subquery(keys.annotate(n=Count("pk")).values("n")), 0),
        )

    @display(description=gettext_lazy("Person"), header=True, ordering="email")
    def person(self, user: User) -> list[str]:
        return [user.name or user.email, user.email if user.name else "", (user.name or user.email)[:2].upper()]

    @display(
        description=gettext_lazy("Role"),
        ordering="is_superuser",
        label={"admin": "primary", "user": "info", "staff": "warning"},
    )
    def role(self, user: User) -> Label:
        if user.is_superuser:
            return Label("admin", _("Administrator"))
        return Label("staff", _("Limited administrator")) if user.is_staff else Label("user", _("User"))

    @display(description=gettext_lazy("Groups"))
    def member_of(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all()) or "–"

    @display(description=gettext_lazy("Chats"), ordering="chats_now")
    def chat_count(self, user: Any) -> int:
        return int(user.chats_now)

    @display(description=gettext_lazy("API keys"), ordering="keys_now")
    def key_count(self, user: Any) -> int:
        return int(user.keys_now)

    @display(description=gettext_lazy("Last seen"), ordering="last_login")
    def seen(self, user: User) -> str:
        return str(naturaltime(user.last_login)) if user.last_login else _("never")

    @display(description=gettext_lazy("Joined"), ordering="date_joined")
    def since(self, user: User) -> str:
        return date_format(timezone.localtime(user.date_joined), "SHORT_DATE_FORMAT")

    # Nobody may give themselves, or anyone else, a higher role than their own.

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if isinstance(obj, str | int):  # Unfold hands over the id where it checks an action
            obj = relations.row_of(User, obj)
        return super().has_change_permission(request, obj) and self._outranks(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        own = obj is not None and obj.pk == request.user.pk
        return super().has_delete_permission(request, obj) and self._outranks(request, obj) and not own

    @staticmethod
    def _outranks(request: HttpRequest, obj: User | None) -> bool:
        return obj is None or may_speak_for(request.user, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        if request.user.is_superuser:  # type: ignore[union-attr]
            return fields
        return (*fields, "is_superuser", "is_staff", "groups", "user_permissions")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if obj.is_superuser:
            obj.is_staff = True
        super().save_model(request, obj, form, change)
        if not change or "email" in form.changed_data:
            addresses.vouch_for(obj)

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        response = super().response_add(request, obj, post_url_continue)
        if not obj.has_usable_password():
            self._show_link(request, obj)
        return response

    @action(
        description=gettext_lazy("Set-password link"), permissions=["change"], icon="link", url_path="password-link"
    )
    def password_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.get_object(request, object_id)
        if user is not None:
            self._show_link(request, user)
        return redirect(reverse("admin:webui_user_change", args=[object_id]))

    @action(
        description=gettext_lazy("What they may use"),
        # Not "providers.view_chatmodel": Unfold would look for it in a database that `migrate` has not made yet.
        permissions=["see_models"],
        icon="policy",
        url_path="may-use",
    )
    def may_use(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(f"{reverse('admin:providers_chatmodel_access')}?user={object_id}")

    def has_see_models_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("providers.view_chatmodel"))

    def _show_link(self, request: HttpRequest, user: User) -> None:
        try:
            link = address.origin_for(request) + links.password_path(user)
        except ConfigurationError as error:
            self.message_user(request, error.message, messages.ERROR)
            return
        words = _(
            "Send %(person)s this link to choose a password. It works once, within three days, and is not shown again:"
        )
        self.message_user(
            request,
            format_html('{}<br><code class="one-time-link">{}</code>', words % {"person": user}, link),
            messages.WARNING,
        )

    @admin.action(description=gettext_lazy("Switch off the chosen accounts"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        chosen = [user for user in queryset if user != request.user and self._outranks(request, user)]
        count = services.set_active(chosen, active=False)
        words = ngettext("%(count)d account is switched off.", "%(count)d accounts are switched off.", count)
        self.message_user(request, words % {"count": count}, messages.SUCCESS if count else messages.WARNING)

    @admin.action(description=gettext_lazy("Switch on the chosen accounts"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        chosen = [user for user in queryset if self._outranks(request, user)]
        count = services.set_active(chosen, active=True)
        words = ngettext("%(count)d account is switched on.", "%(count)d accounts are switched on.", count)
        self.message_user(request, words % {"count": count}, messages.SUCCESS)


class GroupForm(forms.ModelForm):  # type: ignore[type-arg]
    members = relations.RowsField(
        label=gettext_lazy("Members"),
        queryset=User.objects.people().order_by("email"),
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
    )

    class Meta:
        model = Group
        fields = ("name", "permissions")

    actor: Any = None  # who edits; set by `GroupAdmin.get_form`

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["members"].initial = self.instance.user_set.filter(service_group=None)

    def clean_members(self) -> QuerySet[User]:
        """Refuse that staff add themselves: a group gives access to connections and models."""
        members: QuerySet[User] = self.cleaned_data["members"]
        before = set(self.instance.user_set.filter(service_group=None)) if self.instance.pk else set()
        if not self.actor.is_superuser and self.actor in set(members) - before:
            raise ValidationError(_("Only an administrator can make you a member."))
        return members


@admin.register(Group)
class GroupAdmin(GuardedAdmin, AdminPages, DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc,type-arg]
    form = GroupForm
    list_display = ("name", "member_count")
    search_fields = ("name",)
    fieldsets = (
        (
            None,
            {
                "fields": ("name", "members"),
                "description": gettext_lazy("Connections and models can be opened to the members of a group."),
            },
        ),
        (gettext_lazy("Permissions in the administration"), {"classes": ("collapse",), "fields": ("permissions",)}),
    )

    # Groups that give rights are for administrators.

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.actor = request.user
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, "permissions")  # type: ignore[union-attr]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_theirs(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_theirs(request, obj)

    @staticmethod
    def _is_theirs(request: HttpRequest, obj: Any) -> bool:
        return obj is None or may_change_group(request.user, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).annotate(members_now=Count("user", filter=Q(user__service_group=None)))

    @display(description=gettext_lazy("Members"), ordering="members_now")
    def member_count(self, group: Any) -> str:
        link = f"{reverse('admin:webui_user_changelist')}?groups__id__exact={group.pk}"
        return str(self.link(User, link, group.members_now))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        group: Group = form.instance
        own = User.objects.filter(service_group=group)  # the account of the group's API keys stays a member
        group.user_set.set([*form.cleaned_data["members"], *own])
