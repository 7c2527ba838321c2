"""The image encoder: an open_clip vision transformer for upright images, open to experts in its last blocks.

Architecture of CLIP-ReID (Li et al., 2023): non-square input, position embedding resized bilinearly, optionally
overlapping patches and a camera embedding, and three features per image.
"""

import json
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosaicreid.errors import InputError, one_of

if TYPE_CHECKING:
    from open_clip import CLIP
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer


# Which of a block's tokens are read afterwards. Of the last block's it is the CLS token alone.
EVERY, CLS = slice(None), slice(0, 1)


class Features(NamedTuple):
    """The three features of a batch: ``last`` (B, D), the CLS token that enters the last block, for the triplet loss
    only; ``cls`` (B, D), the CLS token after ``ln_post``; ``projected``, its projection to CLIP's joint space."""

    last: Tensor
    cls: Tensor
    projected: Tensor


def build_clip(architecture: str, *, image_size: tuple[int, int], stride: int | None = None) -> "CLIP":
    """An open_clip model with both towers and random weights, its vision tower shaped for (height, width) images.

    ``architecture`` is ``tiny`` (this package's own, a few hundred thousand visual parameters) or any open_clip name
    of a vision transformer that reads its CLS token; ``ViT-B-16-quickgelu`` is OpenAI's ViT-B/16. ``stride`` is the
    step between patches in pixels: below the patch size they overlap (CLIP-ReID's option), None means no overlap.
    Nothing is fetched.

    Raises:
        InputError: unknown architecture or tower without such blocks, an image smaller than a patch, or a stride
            outside 1 to the patch size.
    """
    import open_clip

    if architecture == "tiny":
        settings = json.loads(files(__package__).joinpath("tiny.json").read_text(encoding="utf-8"))
    else:
        settings = open_clip.get_model_config(architecture)
    if settings is None:
        raise one_of("architecture", architecture, ["tiny", *(n for n in open_clip.list_models() if "ViT" in n)])
    vision = settings["vision_cfg"]
    other_tower = "timm_model_name" in vision or not vision.get("patch_size")
    if other_tower or settings.get("custom_text") or "hf_model_name" in settings["text_cfg"]:
        raise InputError(f"architecture {architecture!r} is not a plain CLIP with a vision transformer")
    patch = vision["patch_size"]
    stride = patch if stride is None else stride
    if not 1 <= stride <= patch or min(image_size) < patch:
        raise InputError(
            f"stride {stride} on images of {image_size[0]}x{image_size[1]} pixels; {architecture} has patches of "
            f"{patch} pixels: expected a stride from 1 to {patch} and no smaller images"
        )
    vision["image_size"] = image_size
    clip = open_clip.CLIP(**settings)
    _set_stride(clip.visual, stride)
    return clip


def resize_positions(positions: Tensor, grid: tuple[int, int]) -> Tensor:
    """A position embedding (1 + n * n, D) of a square grid, resized bilinearly to (1 + rows * columns, D).

    The CLS token's entry stays. As CLIP-ReID: half-pixel centres, no antialiasing. One that has the grid's own number
    of entries, not a square, is the grid's and stays as it is.

    Raises:
        InputError: the embedding comes neither from a square grid nor from this one.
    """
    patches = len(positions) - 1
    side = round(patches**0.5)
    square = side * side == patches
    if grid == (side, side) or (not square and patches == grid[0] * grid[1]):
        return positions
    if not square:
        raise InputError(
            f"the position embedding has {len(positions)} entries, expected {1 + grid[0] * grid[1]} or 1 + a square; "
            "likely cause: weights of another image size or stride"
        )
    square = positions[1:].T.reshape(1, -1, side, side)
    resized = F.interpolate(square, size=grid, mode="bilinear", align_corners=False)
    return torch.cat([positions[:1], resized.flatten(2)[0].T])


class ImageEncoder(nn.Module):
    """The vision tower of ``clip``, run block by block.

    ``cameras`` above 0 adds a learnt embedding of the camera, times ``camera_coefficient``, to the CLS token before
    the first block (CLIP-ReID's side information; its coefficient is 3).
    """

    def __init__(self, clip: "CLIP", *, cameras: int = 0, camera_coefficient: float = 3.0) -> None:
        super().__init__()
        _check_tower(clip.visual)
        self.visual: VisionTransformer = clip.visual
        self.camera_coefficient = camera_coefficient
        self.camera_embedding: nn.Parameter | None = None
        if cameras:
            self.camera_embedding = nn.Parameter(nn.init.trunc_normal_(torch.empty(cameras, self.width), std=0.02))

    @property
    def width(self) -> int:
        """D, the width of a token."""
        return int(self.visual.conv1.out_channels)

    @property
    def projected_width(self) -> int:
        """The width of CLIP's joint space."""
        return int(self.visual.output_dim)

    @property
    def blocks(self) -> "list[ResidualAttentionBlock]":
        """The transformer's blocks, first to last."""
        return list(self.visual.transformer.resblocks)

    def tokens(self, images: Tensor, camids: Tensor | None = None) -> Tensor:
        """Images (B, 3, height, width) to the tokens that enter the first block, (B, N, D), CLS first.

        ``camids`` (B,) int64, numbered from 1 as in file names, is read only by an encoder with a camera embedding.

        Raises:
            InputError: the encoder has a camera embedding and ``camids`` is None.
        """
        visual = self.visual
        patches = visual.conv1(images).flatten(2).transpose(1, 2)
        cls = visual.class_embedding.to(patches.dtype).expand(len(images), 1, -1)
        if self.camera_embedding is not None:
            if camids is None:
                raise InputError("this encoder has a camera embedding, and no camera numbers were given; pass camids")
            camera = F.embedding(camids - 1, self.camera_embedding)
            cls = cls + self.camera_coefficient * camera[:, None].to(cls.dtype)
        tokens = torch.cat([cls, patches], dim=1) + visual.positional_embedding.to(patches.dtype)
        return visual.ln_pre(tokens)

    def forward(self, images: Tensor) -> Features:
        """The three features of images (B, 3, height, width), without experts and without a camera embedding."""
        x = self.tokens(images)
        for block in self.blocks[:-1]:
            x, _ = run_block(block, x)
        left, _ = run_block(self.blocks[-1], x, read=CLS)
        return self.features(x[:, 0], left)

    def features(self, last: Tensor, x: Tensor) -> Features:
        """The three features from the CLS token (B, D) that entered the last block and the tokens that left it, of
        which the first is read."""
        cls = self.visual.ln_post(x[:, 0])
        return Features(last, cls, cls @ self.visual.proj)


def run_block(block: "ResidualAttentionBlock", x: Tensor, *, read: slice = EVERY) -> tuple[Tensor, Tensor]:
    """Tokens (B, N, D) through ``block``: those that leave it, and all of them as its feed-forward network sees them.

    ``read`` are the tokens that are read afterwards. The network works on each alone, so it is spared the others:
    two thirds of the last block's arithmetic.
    """
    x = x + attend(block, x)
    h = block.ln_2(x)
    return x[:, read] + block.ls_2(block.mlp(h[:, read])), h


def attend(block: "ResidualAttentionBlock", x: Tensor) -> Tensor:
    """Self-attention of ``block`` over tokens (B, N, D), its first residual branch.

    Calls the attention kernel itself: the same numbers as ``nn.MultiheadAttention`` in training, to the bit, without
    its copies, and no second set of numbers from its inference path.
    """
    attention = block.attn
    batch, tokens, width = x.shape
    heads = attention.num_heads
    packed = F.linear(block.ln_1(x), attention.in_proj_weight, attention.in_proj_bias)
    query, key, value = packed.view(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4).unbind(0)
    mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, tokens, width)
    return block.ls_1(attention.out_proj(mixed))


def _set_stride(visual: "VisionTransformer", stride: int) -> None:
    """Move the patches ``stride`` pixels apart, and give the position embedding an entry for each."""
    patch = visual.patch_size[0]
    rows, columns = ((size - patch) // stride + 1 for size in visual.image_size)
    visual.conv1.stride = (stride, stride)
    visual.grid_size = (rows, columns)
    width = visual.conv1.out_channels
    visual.positional_embedding = nn.Parameter(width**-0.5 * torch.randn(1 + rows * columns, width))


def _check_tower(visual: nn.Module) -> None:
    """InputError unless the blocks are the standard ones and the feature is the CLS token, as ``features`` assumes."""
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

    plain = (
        isinstance(visual, VisionTransformer)
        and visual.attn_pool is None
        and visual.pool_type == "tok"
        and isinstance(visual.patch_dropout, nn.Identity)
        and all(isinstance(block, ResidualAttentionBlock) for block in visual.transformer.resblocks)
    )
    if not plain:
        raise InputError(
            f"the vision tower {type(visual).__name__} is not a standard vision transformer that reads its CLS token"
        )
