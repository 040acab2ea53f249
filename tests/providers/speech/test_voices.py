"""The voice of the pages: who gets a speech model, and who gets the browser's voice."""

import pytest

from providers import callers, catalogue
from providers.models import ChatModel, Connection, GatewaySettings
from providers.speech.voices import Voice, ear_for, voice_for
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def voice_of(alice):
    return lambda user=alice: voice_for(catalogue.snapshot_blocking(), callers.caller_for_user(user))


def set_gateway(**values):
    GatewaySettings.objects.update_or_create(pk=1, defaults=values)


def test_the_first_speech_model_that_a_connection_lists_reads(voice_of, upstream):
    people.make_connection(upstream.url, "m1", "tts-1-hd", "tts-1", "models/gemini-2.5-flash-preview-tts", "pittsburgh")

    assert voice_of() == Voice("tts-1", "alloy")


@pytest.mark.parametrize("name", ["gpt-4o-mini-tts", "openai/tts-1", "kokoro", "hexgrad/Kokoro-82M", "TTS-2"])
def test_speech_models_are_known_by_their_names(voice_of, upstream, name):
    people.make_connection(upstream.url, name)

    assert voice_of().model == name


def test_without_one_nobody_reads(voice_of, connection):
    assert voice_of() is None


def test_an_administrator_chooses_model_and_voice_also_one_that_no_list_has(voice_of, connection):
    set_gateway(speech_model="tts-9", speech_voice="nova")

    assert voice_of() == Voice("tts-9", "nova")


def test_a_model_or_a_connection_that_is_not_theirs_does_not_read_for_them(voice_of, admin, upstream):
    people.make_connection(upstream.url, "m1", "tts-1")
    ChatModel.objects.filter(public_id="tts-1").update(access="private")
    assert voice_of() is None
    assert voice_of(admin) == Voice("tts-1", "alloy")

    set_gateway(speech_model="tts-1")
    assert voice_of() is None

    set_gateway(speech_model="tts-9")
    Connection.objects.update(access="private")
    assert voice_of() is None


def test_nobody_reads_while_everything_is_switched_off_or_only_the_demo_is_there(voice_of, connection):
    set_gateway(speech_model="tts-1", enable_openai_api=False)
    assert voice_of() is None

    set_gateway(speech_model="tts-1", enable_openai_api=True)
    Connection.objects.update(demo=True)
    assert voice_of() is None


def test_a_person_may_choose_the_voice(alice, upstream):
    people.make_connection(upstream.url, "tts-1")
    set_gateway(speech_voice="nova")
    of_alice = catalogue.snapshot_blocking(), callers.caller_for_user(alice)
    assert [voice_for(*of_alice).voice, voice_for(*of_alice, "echo").voice] == ["nova", "echo"]


@pytest.mark.parametrize(
    ("listed", "chosen", "heard_by"),
    [
        (["m1", "gpt-4o-transcribe-diarize", "whisper-1", "zz-stt"], "", "whisper-1"),
        (["m1", "openai/gpt-4o-mini-transcribe"], "", "openai/gpt-4o-mini-transcribe"),
        (["whisper-1", "m1"], "m1", "m1"),
        (["whisper-1"], "gone", ""),
        (["m1", "tts-1", "basstt"], "", ""),
    ],
)
def test_the_first_model_that_transcribes_hears_or_the_chosen_one(alice, upstream, listed, chosen, heard_by):
    people.make_connection(upstream.url, *listed)
    set_gateway(transcription_model=chosen)
    assert ear_for(catalogue.snapshot_blocking(), callers.caller_for_user(alice)) == heard_by


def test_who_may_not_use_the_model_is_not_heard(alice, upstream):
    people.make_connection(upstream.url, "whisper-1", access="private")
    assert ear_for(catalogue.snapshot_blocking(), callers.caller_for_user(alice)) == ""
