"""For whom a person makes an assistant or saves a prompt: for themselves, for groups of theirs, or for everybody.

Sharing is a right, which the chat settings give to everybody, or a permission to some (`share_with_groups`,
`share_with_all`). It is looked at when somebody shares: what is shared stays so when the right ends, until an
administrator or its owner changes it.
"""

from collections.abc import Collection, Mapping
from typing import Any

from rest_framework import serializers

from chat import chat_settings
from providers.errors import BadRequest, Forbidden
from providers.sentences import sentence as _

PRIVATE, GROUPS, PUBLIC = "private", "groups", "public"
MAX_GROUPS = 50
MAX_INTEGER = 2**31 - 1  # of a PostgreSQL column
RIGHTS = {GROUPS: "share_with_groups", PUBLIC: "share_with_all"}  # a column of the settings, and a permission


class AudienceValues(serializers.Serializer[Any]):
    """The members of a request that say for whom something is."""

    access = serializers.ChoiceField([PRIVATE, GROUPS, PUBLIC], required=False, help_text="Who may use it")
    groups = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_INTEGER),
        required=False,
        max_length=MAX_GROUPS,
        help_text="Ids of groups of one's own, with the access `groups`",
    )


class GroupSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


def may_share(user: Any) -> list[str]:
    """The audiences that this person may choose."""
    facts = chat_settings.current_blocking()
    granted = [access for access, name in RIGHTS.items() if getattr(facts, name) or user.has_perm(f"chat.{name}")]
    return [PRIVATE, *granted]


def groups_of(user: Any) -> Mapping[int, str]:
    """The person's own groups: id → name."""
    return dict(user.groups.order_by("name").values_list("pk", "name"))


def check(
    user: Any, access: str, groups: Collection[int], *, before: str = PRIVATE, earlier: Collection[int] = ()
) -> None:
    """Raise Forbidden where this person may not share so widely, and BadRequest for groups that are not theirs.

    `before` and `earlier`: the audience so far, which may stay.
    """
    if access not in (before, *may_share(user)):
        raise Forbidden(
            _("You may not share this so widely. An administrator can allow it in the chat settings."),
            code="sharing_not_permitted",
            param="access",
        )
    if access == GROUPS:
        if not groups:
            raise BadRequest(_("Choose at least one group."), code="no_group", param="groups")
        if set(groups) - set(earlier) - set(groups_of(user)):
            raise BadRequest(_("You can share with groups of your own only."), code="not_own_group", param="groups")
