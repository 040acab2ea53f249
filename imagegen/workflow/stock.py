"""ComfyUI's stock nodes: graphs for engines without a workflow, and what can be checked without a server."""

import copy
from typing import Literal

from imagegen.workflow.graph import Graph, Node

Purpose = Literal["generate", "edit", "inpaint"]

OUTPUT_CLASSES = frozenset({"SaveImage", "PreviewImage", "SaveImageWebsocket", "SaveAnimatedWEBP", "SaveAnimatedPNG"})
SAVE_IMAGE_WEBSOCKET = "SaveImageWebsocket"
LOAD_IMAGE_CLASSES = frozenset({"LoadImage", "LoadImageOutput"})
LOAD_MASK_CLASSES = frozenset({"LoadImageMask"})

# Inputs that take only a link, of the nodes that nearly every graph has. The server does not notice a text there: it
# responds with 200 and fails in the middle of the run.
LINK_INPUTS: dict[str, frozenset[str]] = {
    name: frozenset(inputs.split())
    for name, inputs in {
        "BasicGuider": "model conditioning",
        "BasicScheduler": "model",
        "CFGGuider": "model positive negative",
        "CLIPSetLastLayer": "clip",
        "CLIPTextEncode": "clip",
        "CLIPTextEncodeFlux": "clip",
        "CLIPTextEncodeSDXL": "clip",
        "ConditioningZeroOut": "conditioning",
        "ControlNetApplyAdvanced": "positive negative control_net image",
        "FluxGuidance": "conditioning",
        "ImageScale": "image",
        "ImageScaleBy": "image",
        "ImageToMask": "image",
        "KSampler": "model positive negative latent_image",
        "KSamplerAdvanced": "model positive negative latent_image",
        "LatentUpscale": "samples",
        "LatentUpscaleBy": "samples",
        "LoraLoader": "model clip",
        "LoraLoaderModelOnly": "model",
        "MaskToImage": "mask",
        "PreviewImage": "images",
        "RepeatLatentBatch": "samples",
        "SamplerCustomAdvanced": "noise guider sampler sigmas latent_image",
        "SaveAnimatedPNG": "images",
        "SaveAnimatedWEBP": "images",
        "SaveImage": "images",
        "SaveImageWebsocket": "images",
        "SetLatentNoiseMask": "samples mask",
        "VAEDecode": "samples vae",
        "VAEDecodeTiled": "samples vae",
        "VAEEncode": "pixels vae",
        "VAEEncodeForInpaint": "pixels vae mask",
    }.items()
}


def _node(class_type: str, title: str = "", **inputs: object) -> Node:
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title or class_type}}


def _sampler(*, denoise: float, latent: list[object]) -> Node:
    return _node(
        "KSampler",
        seed=0,
        steps=20,
        cfg=7.0,
        sampler_name="euler",
        scheduler="normal",
        denoise=denoise,
        model=["4", 0],
        positive=["6", 0],
        negative=["7", 0],
        latent_image=latent,
    )


_COMMON: Graph = {
    "4": _node("CheckpointLoaderSimple", "Load Checkpoint", ckpt_name="model.safetensors"),
    "6": _node("CLIPTextEncode", "Prompt", text="", clip=["4", 1]),
    "7": _node("CLIPTextEncode", "Negative prompt", text="", clip=["4", 1]),
    "8": _node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    "9": _node("SaveImage", "Save Image", filename_prefix="webui", images=["8", 0]),
}

_GENERATE: Graph = {
    "3": _sampler(denoise=1.0, latent=["5", 0]),
    "5": _node("EmptyLatentImage", "Size and number", width=512, height=512, batch_size=1),
    **_COMMON,
}

_EDIT: Graph = {
    "3": _sampler(denoise=0.75, latent=["13", 0]),
    **_COMMON,
    "10": _node("LoadImage", "Picture", image="example.png"),
    "11": _node("ImageScale", "Size", image=["10", 0], upscale_method="lanczos", width=512, height=512, crop="center"),
    "12": _node("VAEEncode", pixels=["11", 0], vae=["4", 2]),
    "13": _node("RepeatLatentBatch", "Number", samples=["12", 0], amount=1),
}

# The mask is brought to the picture's new size as an image, because stock ComfyUI scales images and not masks.
_INPAINT: Graph = {
    **_EDIT,
    "3": _sampler(denoise=1.0, latent=["13", 0]),
    "12": _node("VAEEncodeForInpaint", pixels=["11", 0], vae=["4", 2], mask=["17", 0], grow_mask_by=6),
    "14": _node("LoadImageMask", "Mask", image="example.png", channel="alpha"),
    "15": _node("MaskToImage", mask=["14", 0]),
    "16": _node(
        "ImageScale", "Mask size", image=["15", 0], upscale_method="bilinear", width=512, height=512, crop="center"
    ),
    "17": _node("ImageToMask", image=["16", 0], channel="red"),
}

_GRAPHS: dict[Purpose, Graph] = {"generate": _GENERATE, "edit": _EDIT, "inpaint": _INPAINT}


def default_graph(purpose: Purpose = "generate") -> Graph:
    """A graph of stock nodes for a Stable Diffusion checkpoint: text to picture, picture to picture, or inside a mask.

    The checkpoint's name is a placeholder: the engine writes the model asked for, or the first that the server lists.
    """
    return copy.deepcopy(_GRAPHS[purpose])
