"""A recipe, how a picture was made, as texts in a file: AUTOMATIC1111's `parameters`, and our XMP. Written and read.

A recipe is a dict of texts by the names of FIELDS. What is read was written by anybody: it is bounded and only text.
"""

import json
import re
from collections.abc import Mapping
from html import escape, unescape

LONG, SHORT = 32_000, 300  # characters of a field: of the two prompts, of all others
FIELDS = {  # our names → those of AUTOMATIC1111's last line, in its order
    "steps": "Steps",
    "sampler": "Sampler",
    "scheduler": "Schedule type",
    "guidance": "CFG scale",
    "seed": "Seed",
    "size": "Size",
    "model_hash": "Model hash",
    "model": "Model",
    "strength": "Denoising strength",
    "clip_skip": "Clip skip",
}
PROMPTS = ("prompt", "negative_prompt")
NEGATIVE = "Negative prompt:"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
DRAWN, EDITED = f"{SOURCE_TYPE}trainedAlgorithmicMedia", f"{SOURCE_TYPE}compositeWithTrainedAlgorithmicMedia"
_PARAMETER = re.compile(r'\s*(\w[\w \-/]{0,60}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')  # as AUTOMATIC1111 reads it
_LEAST = 3  # parameters of a last line; with fewer it belongs to the prompt
_MOST = 100  # parameters that are read
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OURS = re.compile(r"<webui:(\w{1,40})>([^<]*)</webui:\1>")
_MARK = re.compile(re.escape(SOURCE_TYPE) + r"(\w{1,60})")


def cleaned(recipe: Mapping[str, object], *, longest: int = LONG) -> dict[str, str]:
    """The known fields as texts that every form can hold, within bounds; without empty ones."""
    texts: dict[str, str] = {}
    for name in (*PROMPTS, *FIELDS):
        value = recipe.get(name)
        if value is None or isinstance(value, (dict, list, bool)):
            continue
        text = _NOT_XML.sub("", str(value).replace("\r\n", "\n").replace("\r", "\n")).strip()
        text = text[:longest].strip() if name in PROMPTS else " ".join(text[:SHORT].split())
        if text:
            texts[name] = text
    return texts


# --- AUTOMATIC1111 ----------------------------------------------------------------------------------------------------


def parameters_of(recipe: Mapping[str, str], mark: str) -> str:
    """The recipe in AUTOMATIC1111's format. The last line has so many members that it is always read as such."""
    lines = [recipe["prompt"]] if recipe.get("prompt") else []
    if negative := recipe.get("negative_prompt"):
        lines.append(f"{NEGATIVE} {negative}")
    members = [f"{label}: {_quoted(recipe[name])}" for name, label in FIELDS.items() if recipe.get(name)]
    kind = mark.rpartition("/")[2]
    lines.append(", ".join([*members, f"Source type: {kind}", "Made by: WebUI", "Version: WebUI"]))
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if re.search(r'[,:\n"]', text) else text


def from_parameters(text: str) -> dict[str, str]:
    """The recipe in AUTOMATIC1111's format, by the rules of its own reader; empty where it is something else."""
    *lines, last = text.strip().split("\n")
    pairs = _PARAMETER.findall(last)[:_MOST]
    if len(pairs) < _LEAST:
        lines, pairs = [*lines, last], []
    prompts: dict[str, list[str]] = {"prompt": [], "negative_prompt": []}
    name = "prompt"
    for line in lines:
        if line.strip().startswith(NEGATIVE):
            name, line = "negative_prompt", line.strip().removeprefix(NEGATIVE)
        prompts[name].append(line.strip())
    if not pairs and not prompts["negative_prompt"]:
        return {}
    members = {label: _unquoted(value) for label, value in pairs}
    ours = {name: members[label] for name, label in FIELDS.items() if label in members}
    return cleaned({**{name: "\n".join(parts) for name, parts in prompts.items()}, **ours})


def _unquoted(value: str) -> str:
    value = value.strip()
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value


# --- XMP --------------------------------------------------------------------------------------------------------------


def xmp_of(mark: str, recipe: Mapping[str, str], signature: str = "") -> str:
    """XMP with IPTC's mark of pictures that a model drew, with the recipe, and with the signature of the site."""
    ours = {_label(name): text for name, text in recipe.items()} | ({"Signature": signature} if signature else {})
    members = "".join(f"<webui:{name}>{escape(text)}</webui:{name}>" for name, text in ours.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:webui="urn:webui:recipe:1">'
        f"<Iptc4xmpExt:DigitalSourceType>{mark}</Iptc4xmpExt:DigitalSourceType>{members}"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def from_xmp(text: str) -> tuple[dict[str, str], str, str]:
    """Our recipe, its signature and the mark in XMP; each empty where there is none."""
    names = {_label(name): name for name in (*PROMPTS, *FIELDS)}
    recipe, signature = {}, ""
    for label, value in _OURS.findall(text)[:_MOST]:
        if label == "Signature":
            signature = value[:200]
        elif label in names:
            recipe[names[label]] = unescape(value)
    mark = _MARK.search(text)
    return cleaned(recipe), signature, mark[0] if mark else ""


def _label(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
