"""ComfyUI graphs for tests, besides the built-in ones: Flux with custom sampling, ControlNet, two passes …"""

from typing import Any


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


FLUX: dict[str, Any] = {
    "5": node("EmptySD3LatentImage", width=["30", 0], height=1024, batch_size=1),
    "6": node("CLIPTextEncode", text=["31", 0], clip=["11", 0]),
    "8": node("VAEDecode", samples=["13", 0], vae=["10", 0]),
    "9": node("SaveImage", images=["8", 0], filename_prefix="flux"),
    "10": node("VAELoader", vae_name="ae.safetensors"),
    "11": node("DualCLIPLoader", clip_name1="l.safetensors", clip_name2="t5.safetensors"),
    "12": node("UNETLoader", unet_name="flux.safetensors", weight_dtype="default"),
    "13": node(
        "SamplerCustomAdvanced",
        noise=["25", 0],
        guider=["22", 0],
        sampler=["16", 0],
        sigmas=["17", 0],
        latent_image=["5", 0],
    ),
    "16": node("KSamplerSelect", sampler_name="euler"),
    "17": node("BasicScheduler", scheduler="simple", steps=20, denoise=1.0, model=["12", 0]),
    "22": node("BasicGuider", model=["12", 0], conditioning=["26", 0]),
    "25": node("RandomNoise", noise_seed=7),
    "26": node("FluxGuidance", guidance=3.5, conditioning=["6", 0]),
    "30": node("PrimitiveInt", value=768),
    "31": node("PrimitiveString", value="a boat"),
}

CONTROLNET: dict[str, Any] = {
    "1": node("CheckpointLoaderSimple", ckpt_name="dream.safetensors"),
    "2": node("LoraLoader", model=["1", 0], clip=["1", 1], lora_name="ink.safetensors"),
    "3": node("CLIPTextEncode", text="good", clip=["2", 1]),
    "4": node("CLIPTextEncode", text="bad", clip=["2", 1]),
    "5": node("LoadImage", image="pose.png"),
    "6": node("ControlNetLoader", control_net_name="canny.safetensors"),
    "7": node(
        "ControlNetApplyAdvanced",
        positive=["3", 0],
        negative=["4", 0],
        control_net=["6", 0],
        image=["5", 0],
        strength=1.0,
    ),
    "8": node("EmptyLatentImage", width=512, height=768, batch_size=2),
    "9": node(
        "KSampler",
        seed=1,
        steps=25,
        cfg=7.0,
        sampler_name="euler",
        scheduler="normal",
        denoise=1.0,
        model=["2", 0],
        positive=["7", 0],
        negative=["7", 1],
        latent_image=["8", 0],
    ),
    "10": node("LatentUpscaleBy", samples=["9", 0], upscale_method="bilinear", scale_by=1.5),
    "11": node(
        "KSampler",
        seed=2,
        steps=25,
        cfg=7.0,
        sampler_name="euler",
        scheduler="normal",
        denoise=0.5,
        model=["2", 0],
        positive=["7", 0],
        negative=["7", 1],
        latent_image=["10", 0],
    ),
    "12": node("VAEDecode", samples=["11", 0], vae=["1", 2]),
    "13": node("SaveImage", images=["12", 0], filename_prefix="x"),
    "14": node("PreviewImage", images=["12", 0]),
}

# The mask comes with the picture: LoadImage's second output.
ALPHA_INPAINT: dict[str, Any] = {
    "1": node("CheckpointLoaderSimple", ckpt_name="dream.safetensors"),
    "2": node("CLIPTextEncode", text="good", clip=["1", 1]),
    "3": node("ConditioningZeroOut", conditioning=["2", 0]),
    "4": node("LoadImage", image="example.png"),
    "5": node("VAEEncodeForInpaint", pixels=["4", 0], vae=["1", 2], mask=["4", 1], grow_mask_by=6),
    "6": node(
        "KSampler",
        seed=1,
        steps=20,
        cfg=7.0,
        sampler_name="euler",
        scheduler="normal",
        denoise=1.0,
        model=["1", 0],
        positive=["2", 0],
        negative=["3", 0],
        latent_image=["5", 0],
    ),
    "7": node("VAEDecode", samples=["6", 0], vae=["1", 2]),
    "8": node("SaveImage", images=["7", 0], filename_prefix="x"),
}

UI_FORMAT_OLD: dict[str, Any] = {
    "last_node_id": 9,
    "last_link_id": 9,
    "nodes": [{"id": 3, "type": "KSampler", "pos": [863, 186], "widgets_values": [1, "randomize", 20]}],
    "links": [[1, 4, 0, 3, 0, "MODEL"]],
    "version": 0.4,
}

UI_FORMAT_NEW: dict[str, Any] = {
    "id": "0d3b7d0e-6d0a-4a44-9a0e-0c7c7e9f1a11",
    "revision": 0,
    "nodes": [],
    "links": [],
    "definitions": {"subgraphs": []},
    "version": 1,
}
