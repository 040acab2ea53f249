"""The recipe of a picture: it leaves with pictures that this site made, and is read from files that come in.

Stored pictures have none. When one leaves, its owner's copy gets the whole recipe, signed; everybody else's gets only
IPTC's mark of pictures that a model drew. Where the owner switched recipes off, nothing is written.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from chat.decoding import containers, recipe_texts
from chat.files import pictures, stores
from chat.models import File
from providers.errors import GatewayError

PREFERENCE = "recipes"  # false: nothing is written into the pictures of this person
SALT = "chat.files.recipes"
TYPES = ("image/png", "image/jpeg", "image/webp")
MOST_BYTES = 64 * 2**20  # of a picture that gets a recipe; it is in memory meanwhile
LENGTHS = (recipe_texts.LONG, 8_000, 2_000, 300)  # of a prompt: what fits into the segments of a JPEG
PIECE = 2**18


@dataclass(frozen=True, slots=True)
class Inscription:
    """What is written into a picture that leaves; `mark` is empty where nothing is."""

    mark: str = ""
    recipe: Mapping[str, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """What an ETag says of it, beside the bytes that are stored."""
        facts = json.dumps([self.mark, dict(self.recipe)]).encode()
        return f"-{hashlib.sha256(facts).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class ReadRecipe:
    """What a file says of how it was made. `made_here`: it left this site like that, words and pixels."""

    source: str = ""  # as in `decoding.recipes`
    recipe: Mapping[str, str] = field(default_factory=dict)
    mark: str = ""
    made_here: bool = False


def is_made_here(row: File) -> bool:
    """Whether a job or a model's answer on this site drew it; an import cannot claim that."""
    return bool(row.provenance.get("job")) or row.provenance.get("by") == "chat model"


def leaving(row: File, *, whole: bool) -> Inscription | None:
    """What leaves with this picture, the `whole` recipe or the mark alone; None for files that leave as they are."""
    if not is_made_here(row) or row.content_type not in TYPES or row.size > MOST_BYTES:
        return None
    if row.owner.preferences.get(PREFERENCE) is False:
        return Inscription()
    mark = recipe_texts.EDITED if row.provenance.get("inputs") else recipe_texts.DRAWN
    return Inscription(mark, recipe_of(row) if whole else {})


def recipe_of(row: File) -> dict[str, str]:
    """The recipe of a picture that was made here; never a workflow."""
    made = row.provenance
    size = f"{row.width}x{row.height}" if row.width and row.height else ""
    renamed = {"sampler": "sampler_name", "guidance": "cfg_scale", "strength": "denoising_strength"}
    renamed["model_hash"] = "sd_model_hash"
    facts = {name: made.get(renamed.get(name, name)) for name in (*recipe_texts.PROMPTS, *recipe_texts.FIELDS)}
    return recipe_texts.cleaned({**facts, "size": size})


def pieces(row: File, leaves: Inscription) -> list[containers.Bytes]:
    """The stored picture with what leaves with it. Raises FileNotFoundError, Unavailable."""
    content = stores.read(row.storage_name)
    try:
        words = _words(content, leaves) if leaves.mark else containers.Words()
        return containers.rewritten(content, words) or [content]
    except containers.BrokenContainer:
        return [content]


def part_of(whole: list[containers.Bytes], start: int, length: int) -> Iterator[bytes]:
    """`length` bytes from `start`, in pieces."""
    end, at = start + length, 0
    for piece in whole:
        view = memoryview(piece)[max(0, start - at) : max(0, end - at)]
        at += len(piece)
        for offset in range(0, len(view), PIECE):
            yield bytes(view[offset : offset + PIECE])


def without(content: bytes) -> bytes:
    """A picture without a recipe that its engine wrote into it."""
    try:
        cut = containers.rewritten(content, containers.Words())
    except containers.BrokenContainer:
        return content
    return content if cut is None else b"".join(cut)


def read(row: File) -> ReadRecipe:
    """What a stored picture says of how it was made; nothing where it cannot be read. Raises FileNotFoundError."""
    if is_made_here(row):
        mark = recipe_texts.EDITED if row.provenance.get("inputs") else recipe_texts.DRAWN
        return ReadRecipe("ours", recipe_of(row), mark, made_here=True)
    if row.content_type not in TYPES or row.size > MOST_BYTES:
        return ReadRecipe()
    try:
        values = pictures.decoded("recipe", lambda: stores.read(row.storage_name)).values
    except GatewayError:
        return ReadRecipe()
    recipe, signature = values.get("recipe", {}), values.get("signature", "")
    is_ours = bool(signature) and _is_signed(recipe, values.get("digest", ""), signature)
    return ReadRecipe(values.get("source", ""), recipe, values.get("mark", ""), made_here=is_ours)


# --- words and their signature ----------------------------------------------------------------------------------------


def _words(content: bytes, leaves: Inscription) -> containers.Words:
    if not leaves.recipe:
        return containers.Words(xmp=recipe_texts.xmp_of(leaves.mark, {}))
    digest = containers.digest(content)
    words = containers.Words()
    for longest in LENGTHS:
        recipe = recipe_texts.cleaned(leaves.recipe, longest=longest)
        xmp = recipe_texts.xmp_of(leaves.mark, recipe, _signature(recipe, digest, settings.SECRET_KEY))
        words = containers.Words(xmp=xmp, parameters=recipe_texts.parameters_of(recipe, leaves.mark))
        if pictures.sniff(content) != "image/jpeg" or containers.fits_in_jpeg(words):
            break
    return words


def _signature(recipe: Mapping[str, str], digest: str, key: Any) -> str:
    signed = json.dumps([sorted(recipe.items()), digest])
    return salted_hmac(SALT, signed, secret=key, algorithm="sha256").hexdigest()


def _is_signed(recipe: Mapping[str, str], digest: str, signature: str) -> bool:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(constant_time_compare(signature, _signature(recipe, digest, key)) for key in keys)
