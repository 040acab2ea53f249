"""Access to models: connections, models, presets, administrators."""

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from providers import catalogue
from providers.callers import caller_for_user
from providers.errors import ConfigurationError, NotFound
from providers.models import ChatModel, Connection, GatewaySettings, ModelSource
from tests.people import make_user

pytestmark = pytest.mark.django_db


def connection(name="c", access="public", *groups, **fields):
    row = Connection.objects.create(
        name=name, base_url=f"http://{name}.invalid/v1", access=access, listed_at=timezone.now(), **fields
    )
    row.groups.set(groups)
    return row


def model(public_id, *connections, groups=(), users=(), **fields):
    row = ChatModel.objects.create(public_id=public_id, **fields)
    row.groups.set(groups)
    row.users.set(users)
    for one in connections:
        ModelSource.objects.create(model=row, connection=one, upstream_id=public_id, raw={"id": public_id})
    return row


def usable(user):
    """The model ids in the list. It asserts that calling agrees with the list for every model."""
    snapshot, caller = catalogue.snapshot_blocking(), caller_for_user(user)
    listed = {route.public_id for route in snapshot.routes_for(caller)}
    for public_id in ChatModel.objects.values_list("public_id", flat=True):
        try:
            snapshot.route_for(caller, public_id)
        except NotFound:
            assert public_id not in listed
        else:
            assert public_id in listed
    return listed


@pytest.fixture
def red(db):
    return Group.objects.create(name="red")


@pytest.fixture
def rita(red):
    return make_user("Rita", groups=("red",))


def test_models_inherit_what_their_connection_says(alice, rita, admin, red):
    model("public", connection("a"))
    model("red", connection("b", "groups", red))
    model("private", connection("c", "private"))

    assert usable(alice) == {"public"}
    assert usable(rita) == {"public", "red"}
    assert usable(admin) == {"public", "red", "private"}


def test_a_models_own_rule_counts_more_than_its_connections(alice, bob, rita, admin, red):
    public, private = connection("a"), connection("b", "private")
    model("opened", private, access="public")
    model("closed", public, access="private")
    model("red", private, access="groups", groups=[red])
    model("bobs", private, access="groups", users=[bob])
    model("owned", private, access="private", owner=alice)

    assert usable(alice) == {"opened", "owned"}
    assert usable(bob) == {"opened", "bobs"}
    assert usable(rita) == {"opened", "red"}
    assert usable(admin) == {"opened", "closed", "red", "bobs", "owned"}


def test_groups_of_a_connection_count_only_under_groups(rita, red):
    model("m", connection("a", "private", red))
    assert usable(rita) == set()


def served_by(user, public_id):
    """The connections that this person's calls to a model may go to."""
    route = catalogue.snapshot_blocking().routes[public_id]
    return [source.connection.name for source in route.sources_for(caller_for_user(user))]


@pytest.mark.parametrize("first", ["groups", "private"])
@pytest.mark.parametrize("positions", [(1, 2), (2, 1)])
def test_of_all_who_offer_a_model_the_strictest_rule_holds(alice, rita, admin, red, first, positions):
    closed = connection("closed", first, red, position=positions[0])
    model("m", closed, connection("open", position=positions[1]))
    model("preset", base=ChatModel.objects.get(public_id="m"))
    names = ["closed", "open"] if positions[0] == 1 else ["open", "closed"]

    assert usable(alice) == set()
    assert served_by(rita, "m") == served_by(rita, "preset") == (names if first == "groups" else [])
    assert served_by(admin, "m") == names


def test_two_groups_have_to_let_a_person_in_both(rita, red):
    blue = Group.objects.create(name="blue")
    model("m", connection("reds", "groups", red), connection("blues", "groups", blue))
    assert usable(rita) == set()
    rita.groups.add(blue)
    assert served_by(rita, "m") == ["reds", "blues"]


@pytest.mark.parametrize("own", ["reds", "blues", "both"])
def test_a_connection_with_its_own_rule_answers_whoever_it_lets_in(alice, rita, red, own):
    blue = Group.objects.create(name="blue")
    bea = make_user("Bea", groups=("blue",))
    rows = {"reds": connection("reds", "groups", red), "blues": connection("blues", "groups", blue)}
    model("m", *rows.values())
    for name in rows if own == "both" else [own]:
        rows[name].shared_access = "own"
        rows[name].save()
    # What is left of the other one stands alone, so its rule is the strictest of one.
    assert (served_by(rita, "m"), served_by(bea, "m"), served_by(alice, "m")) == (["reds"], ["blues"], [])


def test_a_models_own_rule_opens_what_its_connections_do_not(alice, red):
    model("m", connection("closed", "groups", red), connection("open"), access="public")
    assert served_by(alice, "m") == ["closed", "open"]


def test_connections_that_do_not_offer_a_model_now_have_no_say(alice, red):
    off, gone = connection("off", "private", enabled=False), connection("gone", "groups", red)
    row = model("m", off, gone, connection("open"))
    ModelSource.objects.filter(model=row, connection=gone).update(listed=False)
    assert served_by(alice, "m") == ["open"]


def test_unknown_and_forbidden_answer_alike(alice):
    model("secret", connection("a", "private"))
    snapshot, caller = catalogue.snapshot_blocking(), caller_for_user(alice)
    answers = []
    for public_id in ("secret", "nosuch"):
        with pytest.raises(NotFound) as caught:
            snapshot.route_for(caller, public_id)
        answers.append({**caught.value.openai_body()["error"], "message": caught.value.message.replace(public_id, "X")})
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "model_not_found"


def test_the_bypass_comes_from_the_environment_alone(alice, settings):
    model("secret", connection("a", "private"), access="private")
    assert usable(alice) == set()
    settings.BYPASS_MODEL_ACCESS_CONTROL = True
    assert usable(alice) == {"secret"}


def test_while_connections_are_switched_off_nothing_is_listed_and_a_call_says_why(admin):
    model("m", connection("a"))
    GatewaySettings.objects.update_or_create(pk=1, defaults={"enable_openai_api": False})
    snapshot = catalogue.snapshot_blocking()
    assert snapshot.routes_for(caller_for_user(admin)) == []
    with pytest.raises(ConfigurationError) as caught:
        snapshot.route_for(caller_for_user(admin), "m")
    assert caught.value.code == "connections_disabled"


# --- presets ---


def test_a_preset_has_its_bases_sources_and_its_own_words(alice):
    base = model("base", connection("a"), params={"temperature": 1, "top_p": 0.5}, system_prompt="base")
    model("preset", base=base, name="Helper", params={"temperature": 0}, system_prompt="help")

    route = catalogue.snapshot_blocking().route_for(caller_for_user(alice), "preset")

    assert (route.name, route.base_id, route.system_prompt) == ("Helper", "base", "help")
    assert route.params == {"temperature": 0, "top_p": 0.5}
    assert [source.upstream_id for source in route.sources] == ["base"]


def test_a_preset_is_judged_by_its_own_rule_and_by_its_bases_when_it_inherits(alice, rita, red):
    private = connection("a", "private")
    base = model("base", private, access="groups", groups=[red])
    model("inherits", base=base)
    model("opened", base=base, access="public")
    model("mine", base=base, access="private", owner=alice)

    assert usable(alice) == {"opened", "mine"}
    assert usable(rita) == {"base", "inherits", "opened"}


def test_a_preset_on_a_connection_for_groups_inherits_that_too(alice, rita, red):
    model("preset", base=model("base", connection("a", "groups", red)))
    assert usable(alice) == set()
    assert usable(rita) == {"base", "preset"}


def test_chains_of_presets_are_resolved(alice):
    first = model("first", base=model("base", connection("a")), params={"a": 1, "b": 1}, system_prompt="first")
    model("second", base=first, params={"b": 2})
    route = catalogue.snapshot_blocking().route_for(caller_for_user(alice), "second")
    assert route.params == {"a": 1, "b": 2}
    assert route.system_prompt == "first"
    assert route.sources


def test_presets_that_stand_on_each_other_are_left_out(alice):
    one = model("one")
    two = model("two", base=one)
    ChatModel.objects.filter(pk=one.pk).update(base=two)
    model("on-the-loop", base=two)
    me = model("me")
    ChatModel.objects.filter(pk=me.pk).update(base=me)
    model("m", connection("a"))
    assert usable(alice) == {"m"}


def test_a_preset_goes_with_its_disabled_base_and_connection(alice):
    model("a1", base=model("a", connection("a"), enabled=False))
    model("b1", base=model("b", connection("b", enabled=False)))
    assert usable(alice) == set()


def test_a_preset_may_take_the_id_of_a_discovered_model(alice):
    shared = connection("a")
    base = model("real", shared)
    model("gpt-6", shared, base=base)
    route = catalogue.snapshot_blocking().route_for(caller_for_user(alice), "gpt-6")
    assert [source.upstream_id for source in route.sources] == ["real"]


def test_what_the_official_api_lists_beside_its_chat_models_can_be_called_and_is_not_shown(alice):
    official = Connection.objects.create(name="OpenAI", base_url="https://api.openai.com/v1", listed_at=timezone.now())
    model("text-embedding-3-small", official)
    model("gpt-6", official)
    snapshot, caller = catalogue.snapshot_blocking(), caller_for_user(alice)
    assert [route.public_id for route in snapshot.routes_for(caller)] == ["gpt-6"]
    assert snapshot.route_for(caller, "text-embedding-3-small").sources
