"""`GET /object_info` of the scripted ComfyUI: stock nodes with the inputs that graphs use, in both forms of choices."""

from typing import Any

CHECKPOINTS = ["dream.safetensors", "sdxl/base.safetensors"]
SAMPLERS = ["euler", "euler_ancestral", "dpmpp_2m"]
SCHEDULERS = ["normal", "karras", "simple"]
METHODS = ["nearest-exact", "bilinear", "lanczos"]
CHANNELS = ["alpha", "red", "green", "blue"]
SEED_MAX = 18446744073709551615

LINK: dict[str, Any] = {}


def _int(default: int, low: int, high: int) -> list[Any]:
    return ["INT", {"default": default, "min": low, "max": high}]


def _float(default: float, low: float, high: float) -> list[Any]:
    return ["FLOAT", {"default": default, "min": low, "max": high, "step": 0.01}]


def _text() -> list[Any]:
    return ["STRING", {"multiline": True}]


SEED, STEPS, CFG = _int(0, 0, SEED_MAX), _int(20, 1, 10000), _float(8.0, 0.0, 100.0)
SIDE, BATCH = _int(512, 16, 16384), _int(1, 1, 4096)


def object_info(*, old: bool = False, pictures: list[str] | None = None) -> dict[str, Any]:
    """The stock nodes; `old` writes every choice list first, as servers before the COMBO form do."""

    def choice(*options: str) -> list[Any]:
        return [list(options), {}] if old else ["COMBO", {"options": list(options)}]

    def first(options: list[str], **more: Any) -> list[Any]:
        return [options, more]  # list first on old and new servers alike

    files = pictures or ["example.png"]
    info: dict[str, Any] = {}

    def node(
        name: str, outputs: str, *, output_node: bool = False, optional: dict[str, Any] | None = None, **required: Any
    ) -> None:
        kinds = outputs.split()
        info[name] = {
            "input": {
                "required": {key: [value] if isinstance(value, str) else value for key, value in required.items()},
                "optional": {
                    key: [value] if isinstance(value, str) else value for key, value in (optional or {}).items()
                },
            },
            "input_order": {"required": list(required)},
            "output": kinds,
            "output_name": kinds,
            "output_node": output_node,
            "name": name,
            "display_name": name,
            "category": "stock",
        }

    node("CheckpointLoaderSimple", "MODEL CLIP VAE", ckpt_name=first(CHECKPOINTS))
    node("UNETLoader", "MODEL", unet_name=choice("flux.safetensors"), weight_dtype=first(["default", "fp8_e4m3fn"]))
    node("DualCLIPLoader", "CLIP", clip_name1=choice("l.safetensors"), clip_name2=choice("t5.safetensors"))
    node("VAELoader", "VAE", vae_name=choice("ae.safetensors"))
    node("LoraLoader", "MODEL CLIP", model="MODEL", clip="CLIP", lora_name=choice("ink.safetensors"))
    node("CLIPTextEncode", "CONDITIONING", text=_text(), clip="CLIP")
    node("CLIPTextEncodeSDXL", "CONDITIONING", text_g=_text(), text_l=_text(), clip="CLIP")
    node("ConditioningZeroOut", "CONDITIONING", conditioning="CONDITIONING")
    node("ConditioningCombine", "CONDITIONING", conditioning_1="CONDITIONING", conditioning_2="CONDITIONING")
    node("FluxGuidance", "CONDITIONING", conditioning="CONDITIONING", guidance=_float(3.5, 0, 100))
    node("ControlNetLoader", "CONTROL_NET", control_net_name=choice("canny.safetensors"))
    node(
        "ControlNetApplyAdvanced",
        "CONDITIONING CONDITIONING",
        positive="CONDITIONING",
        negative="CONDITIONING",
        control_net="CONTROL_NET",
        image="IMAGE",
        strength=_float(1.0, 0, 10),
    )
    sampler: dict[str, Any] = {
        "model": "MODEL",
        "steps": STEPS,
        "cfg": CFG,
        "sampler_name": first(SAMPLERS),
        "scheduler": first(SCHEDULERS),
        "positive": "CONDITIONING",
        "negative": "CONDITIONING",
        "latent_image": "LATENT",
    }
    node("KSampler", "LATENT", seed=SEED, denoise=_float(1.0, 0, 1), **sampler)
    node("KSamplerAdvanced", "LATENT", noise_seed=SEED, start_at_step=_int(0, 0, 10000), **sampler)
    node("RandomNoise", "NOISE", noise_seed=SEED)
    node("BasicGuider", "GUIDER", model="MODEL", conditioning="CONDITIONING")
    node("CFGGuider", "GUIDER", model="MODEL", positive="CONDITIONING", negative="CONDITIONING", cfg=CFG)
    node("KSamplerSelect", "SAMPLER", sampler_name=choice(*SAMPLERS))
    node("BasicScheduler", "SIGMAS", model="MODEL", scheduler=first(SCHEDULERS), steps=STEPS, denoise=_float(1.0, 0, 1))
    node(
        "SamplerCustomAdvanced",
        "LATENT LATENT",
        noise="NOISE",
        guider="GUIDER",
        sampler="SAMPLER",
        sigmas="SIGMAS",
        latent_image="LATENT",
    )
    node("EmptyLatentImage", "LATENT", width=SIDE, height=SIDE, batch_size=BATCH)
    node("EmptySD3LatentImage", "LATENT", width=SIDE, height=SIDE, batch_size=BATCH)
    node("LatentUpscaleBy", "LATENT", samples="LATENT", upscale_method=choice(*METHODS), scale_by=_float(1.5, 0.01, 8))
    node("RepeatLatentBatch", "LATENT", samples="LATENT", amount=_int(1, 1, 64))
    node("SetLatentNoiseMask", "LATENT", samples="LATENT", mask="MASK")
    node("VAEDecode", "IMAGE", samples="LATENT", vae="VAE")
    node("VAEEncode", "LATENT", pixels="IMAGE", vae="VAE")
    node("VAEEncodeForInpaint", "LATENT", pixels="IMAGE", vae="VAE", mask="MASK", grow_mask_by=_int(6, 0, 64))
    node("LoadImage", "IMAGE MASK", image=first(files, image_upload=True))
    node("LoadImageMask", "MASK", image=first(files, image_upload=True), channel=choice(*CHANNELS))
    node("MaskToImage", "IMAGE", mask="MASK")
    node("ImageToMask", "MASK", image="IMAGE", channel=choice("red", "green", "blue", "alpha"))
    scaled = {"image": "IMAGE", "upscale_method": choice(*METHODS), "width": _int(512, 0, 16384)}
    node("ImageScale", "IMAGE", height=_int(512, 0, 16384), crop=choice("disabled", "center"), **scaled)
    node("PrimitiveInt", "INT", value=_int(0, -SEED_MAX, SEED_MAX))
    node("PrimitiveString", "STRING", value=_text())
    node("SaveImage", "", output_node=True, images="IMAGE", filename_prefix=["STRING", {"default": "ComfyUI"}])
    node("PreviewImage", "", output_node=True, images="IMAGE")
    node("SaveImageWebsocket", "", output_node=True, images="IMAGE")
    return info
