"""The image encoder: an open_clip vision transformer for upright images, open to experts in its last blocks.

Architecture of CLIP-ReID (Li et al., 2023): non-square input, position embedding resized bilinearly, optionally
overlapping patches and a camera embedding, and three features per image.
"""

import json
from importlib.resources import files
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosaicreid.errors import InputError, one_of
from mosaicreid.models.towers import CLS, EVERY, ImageOnly, TimmVisual, attend, feed, make_tower, normed

_OWN = ("tiny", "tiny-eva")


class Features(NamedTuple):
    """The three features of a batch: ``last`` (B, D), the CLS token that enters the last block, for the triplet loss
    only; ``cls`` (B, D), the CLS token after ``ln_post``; ``projected``, its projection to CLIP's joint space."""

    last: Tensor
    cls: Tensor
    projected: Tensor


def build_clip(
    architecture: str,
    *,
    image_size: tuple[int, int],
    stride: int | None = None,
    text: bool = True,
    quick_gelu: bool | None = None,
) -> Any:
    """A model with random weights, its vision tower shaped for (height, width) images. Nothing is fetched.

    Args:
        architecture: this package's ``tiny`` or ``tiny-eva`` (rotary positions, gated feed-forward networks), a few
            hundred thousand visual parameters each; any open_clip name of a vision transformer that reads its CLS
            token, ``EVA02-B-16`` among them; or ``timm/`` and the name of such an encoder in timm.
        stride: the step between patches in pixels: below the patch size they overlap (CLIP-ReID's option); None or 0
            means the patch's own size.
        text: whether the text tower is wanted too; without it, the model is an ``ImageOnly``.
        quick_gelu: the activation, where the weights know it; None for what the name says.

    Raises:
        InputError: unknown architecture, a tower without such blocks or without the text tower that is wanted, an image
            smaller than a patch, or a stride above the patch size.
    """
    clip: Any
    if architecture.startswith("timm/"):
        clip = _timm_encoder(architecture, image_size, text=text)
    else:
        clip = _open_clip_model(architecture, image_size, quick_gelu)
        if not text:
            clip = ImageOnly(clip.visual)
    make_tower(clip.visual)
    _set_stride(clip.visual, stride, image_size, architecture)
    return clip


def _open_clip_model(architecture: str, image_size: tuple[int, int], quick_gelu: bool | None) -> Any:
    import open_clip

    own = architecture in _OWN
    settings = (
        json.loads(files(__package__).joinpath("tiny.json").read_text(encoding="utf-8"))
        if own
        else open_clip.get_model_config(architecture)
    )
    if settings is None:
        known = [name for name in open_clip.list_models() if name.startswith(("ViT", "EVA"))]
        raise one_of("architecture", architecture, [*_OWN, *known, "timm/NAME"])
    vision, trunk = settings["vision_cfg"], settings["vision_cfg"].get("timm_model_name", "")
    other_tower = not vision.get("patch_size") and not trunk.startswith("eva")
    unusual = "multimodal_cfg" in settings or "hf_model_name" in settings["text_cfg"]
    if other_tower or unusual or (trunk and not trunk.startswith("eva")):
        raise InputError(
            f"architecture {architecture!r} is not a CLIP whose vision transformer reads its CLS token beside a text "
            "tower of CLIP's own kind"
        )
    if quick_gelu is not None:
        settings["quick_gelu"] = quick_gelu
    if trunk:
        return _with_timm_trunk(settings, image_size)
    _check_size(image_size, vision["patch_size"], architecture)
    vision["image_size"] = image_size
    clip = open_clip.CLIP(**settings)
    if architecture == "tiny-eva":
        clip.visual = _tiny_eva(vision, image_size, output=settings["embed_dim"])
    return clip


def _with_timm_trunk(settings: dict[str, Any], image_size: tuple[int, int]) -> nn.Module:
    """open_clip's model around a timm trunk that has the grid of ``image_size``: open_clip itself keeps the trunk's."""
    import open_clip
    import timm

    settings = {name: value for name, value in settings.items() if name != "custom_text"}
    clip = open_clip.CustomTextCLIP(**settings)
    head = clip.visual.trunk.get_classifier()
    classes = head.out_features if isinstance(head, nn.Linear) else 0
    name, pool = settings["vision_cfg"]["timm_model_name"], clip.visual.trunk.global_pool
    _check_size(image_size, clip.visual.trunk.patch_embed.patch_size[0], name)
    clip.visual.trunk = timm.create_model(name, num_classes=classes, global_pool=pool, img_size=image_size)
    return clip


def _timm_encoder(architecture: str, image_size: tuple[int, int], *, text: bool) -> ImageOnly:
    import timm

    name = architecture.removeprefix("timm/")
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"{name[:6]}*")[:6]) or "vit_small_patch16_224, vit_base_patch14_dinov2"
        raise InputError(f"timm has no model {name!r}; expected one like {near}")
    if text:
        raise InputError(
            f"{architecture} is an image encoder without a text tower, which the prompts and the text loss need; "
            "expected model.text=none with it: training then has no text loss"
        )
    try:
        trunk = timm.create_model(name, num_classes=0, img_size=image_size)
    # A model of another family takes no image size, or not this one.
    except Exception as error:
        raise InputError(f"timm's {name} cannot be built for images of {image_size}: {_line(error)}") from error
    return ImageOnly(TimmVisual(trunk))


def _tiny_eva(vision: dict[str, Any], image_size: tuple[int, int], *, output: int) -> TimmVisual:
    from timm.models.eva import Eva

    width, heads = vision["width"], vision["width"] // vision["head_width"]
    return TimmVisual(
        Eva(
            img_size=image_size,
            patch_size=vision["patch_size"],
            embed_dim=width,
            depth=vision["layers"],
            num_heads=heads,
            mlp_ratio=8 / 3,
            qkv_fused=False,
            swiglu_mlp=True,
            scale_mlp=True,
            use_rot_pos_emb=True,
            num_classes=output,
            global_pool="token",
        )
    )


def resize_positions(positions: Tensor, grid: tuple[int, int], *, before: int = 1) -> Tensor:
    """A position embedding (1 + n * n, D) of a square grid, resized bilinearly to (1 + rows * columns, D).

    The CLS token's entry stays, or the ``before`` entries that stand before the patches'. As CLIP-ReID: half-pixel
    centres, no antialiasing. One that has the grid's own number of entries, not a square, is the grid's and stays as it
    is.

    Raises:
        InputError: the embedding comes neither from a square grid nor from this one.
    """
    patches = len(positions) - before
    side = round(patches**0.5)
    square = side * side == patches
    if grid == (side, side) or (not square and patches == grid[0] * grid[1]):
        return positions
    if not square:
        raise InputError(
            f"the position embedding has {len(positions)} entries, expected {before + grid[0] * grid[1]} or {before} + "
            "a square; likely cause: weights of another image size or stride"
        )
    square = positions[before:].T.reshape(1, -1, side, side)
    resized = F.interpolate(square, size=grid, mode="bilinear", align_corners=False)
    return torch.cat([positions[:before], resized.flatten(2)[0].T])


class ImageEncoder(nn.Module):
    """The vision tower of ``clip``, run block by block.

    ``cameras`` above 0 adds a learnt embedding of the camera, times ``camera_coefficient``, to the CLS token before
    the first block (CLIP-ReID's side information; its coefficient is 1 in its runs, 3 by default).
    """

    def __init__(self, clip: Any, *, cameras: int = 0, camera_coefficient: float = 3.0) -> None:
        super().__init__()
        self.visual: Any = clip.visual
        self._tower = make_tower(self.visual)
        self.camera_coefficient = camera_coefficient
        self.camera_embedding: nn.Parameter | None = None
        if cameras:
            self.camera_embedding = nn.Parameter(nn.init.trunc_normal_(torch.empty(cameras, self.width), std=0.02))

    @property
    def width(self) -> int:
        """D, the width of a token."""
        return self._tower.width

    @property
    def projected_width(self) -> int:
        """The width of CLIP's joint space; D where there is no projection."""
        return self._tower.projected_width

    @property
    def blocks(self) -> list[Any]:
        """The transformer's blocks, first to last."""
        return self._tower.blocks

    def rotation(self) -> Tensor | None:
        """What blocks rotate queries and keys by (``towers.attend``), None for most encoders."""
        return self._tower.rotation()

    def tokens(self, images: Tensor, camids: Tensor | None = None) -> Tensor:
        """Images (B, 3, height, width) to the tokens that enter the first block, (B, N, D), CLS first.

        ``camids`` (B,) int64, numbered from 1 as in file names, is read only by an encoder with a camera embedding.

        Raises:
            InputError: the encoder has a camera embedding and ``camids`` is None.
        """
        if self.camera_embedding is None:
            return self._tower.tokens(images, None)
        if camids is None:
            raise InputError("this encoder has a camera embedding, and no camera numbers were given; pass camids")
        return self._tower.tokens(images, self.camera_coefficient * F.embedding(camids - 1, self.camera_embedding))

    def forward(self, images: Tensor) -> Features:
        """The three features of images (B, 3, height, width), without experts and without a camera embedding."""
        x, rotation = self.tokens(images), self.rotation()
        final = len(self.blocks) - 1
        for k, block in enumerate(self.blocks):
            read = CLS if k == final else EVERY
            last = x[:, 0]
            x = x + attend(block, x, rotation)
            x = x[:, read] + feed(block, normed(block, x)[:, read])
        return self.features(last, x)

    def features(self, last: Tensor, x: Tensor) -> Features:
        """The three features from the CLS token (B, D) that entered the last block and the tokens that left it, of
        which the first is read."""
        return Features(last, *self._tower.features(x))


def _set_stride(visual: Any, stride: int | None, image_size: tuple[int, int], architecture: str) -> None:
    """Move the patches ``stride`` pixels apart, and give the position embedding an entry for each."""
    trunk = getattr(visual, "trunk", None)
    convolution = visual.conv1 if trunk is None else trunk.patch_embed.proj
    patch = convolution.kernel_size[0]
    stride = stride or patch
    _check_size(image_size, patch, architecture)
    if not 1 <= stride <= patch:
        raise InputError(f"stride {stride}; {architecture} has patches of {patch} pixels: expected 1 to {patch}")
    grid = (image_size[0] - patch) // stride + 1, (image_size[1] - patch) // stride + 1
    convolution.stride = (stride, stride)
    width = convolution.out_channels
    if trunk is None:
        visual.grid_size = grid
        visual.positional_embedding = nn.Parameter(width**-0.5 * torch.randn(1 + grid[0] * grid[1], width))
        return
    trunk.patch_embed.grid_size = grid
    trunk.patch_embed.num_patches = grid[0] * grid[1]
    if trunk.pos_embed is not None:
        before = 0 if trunk.no_embed_class else trunk.num_prefix_tokens
        trunk.pos_embed = nn.Parameter(0.02 * torch.randn(1, before + grid[0] * grid[1], width))
    if getattr(trunk, "rope", None) is not None:
        trunk.rope.update_feat_shape(list(grid))


def _check_size(image_size: tuple[int, int], patch: int, architecture: str) -> None:
    if min(image_size) < patch:
        raise InputError(
            f"images of {image_size[0]}x{image_size[1]} pixels; {architecture} has patches of {patch} pixels: expected "
            "no smaller images"
        )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
