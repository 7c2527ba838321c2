"""Vision transformers of open_clip and of timm seen alike: tokens in, blocks in two halves, features out.

A block is pre-norm: attention on normalised tokens is added, then a feed-forward network on normalised tokens. EVA's
post-norm blocks, and towers that pool otherwise than by their CLS token, have no place for experts and are refused.
"""

from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosaicreid.errors import InputError

if TYPE_CHECKING:
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer


# Which of a block's tokens are read afterwards. Of the last block's it is the CLS token alone, and the feed-forward
# network works on each token alone, so it is spared the others: two thirds of that block's arithmetic.
EVERY, CLS = slice(None), slice(0, 1)


class ImageOnly(nn.Module):
    """An image encoder in the place of a CLIP that has no text tower."""

    def __init__(self, visual: nn.Module) -> None:
        super().__init__()
        self.visual = visual


def without_projection(clip: nn.Module) -> None:
    """Take the projection to the joint space away from open_clip's own tower, where it has one."""
    visual: Any = clip.visual
    if getattr(visual, "proj", None) is not None:
        visual.proj = None


class TimmVisual(nn.Module):
    """A timm transformer in the place of open_clip's own tower, under the names that open_clip gives it."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, height, width) to the tower's features (B, width of its head)."""
        return self.head(self.trunk(images))


class Tower(Protocol):
    """What an image encoder reads of a vision tower."""

    width: int
    projected_width: int

    @property
    def blocks(self) -> list[Any]:
        """The transformer's blocks, first to last."""

    def tokens(self, images: Tensor, shift: Tensor | None) -> Tensor:
        """Images to the tokens (B, N, D) that enter the first block, CLS first, ``shift`` (B, D) added to it before the
        first normalisation."""

    def rotation(self) -> Tensor | None:
        """What attention rotates queries and keys by, None where positions are only embedded."""

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, D) that left the last block to the CLS token, normalised, and its projection."""


class ClipTower:
    """open_clip's own ``VisionTransformer``; ``proj`` may be None, and the projection is then the token itself."""

    def __init__(self, visual: "VisionTransformer") -> None:
        self._visual = visual
        self.width: int = visual.conv1.out_channels
        self.projected_width = int(visual.output_dim) if visual.proj is not None else self.width

    @property
    def blocks(self) -> "list[ResidualAttentionBlock]":
        """The transformer's blocks, first to last."""
        return list(self._visual.transformer.resblocks)

    def tokens(self, images: Tensor, shift: Tensor | None) -> Tensor:
        """As ``Tower.tokens``."""
        visual = self._visual
        patches = visual.conv1(images).flatten(2).transpose(1, 2)
        cls = visual.class_embedding.to(patches.dtype).expand(len(images), 1, -1)
        if shift is not None:
            cls = cls + shift[:, None].to(cls.dtype)
        tokens = torch.cat([cls, patches], dim=1) + visual.positional_embedding.to(patches.dtype)
        return visual.ln_pre(tokens)

    def rotation(self) -> Tensor | None:
        """None: positions are embedded."""
        return None

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As ``Tower.features``."""
        cls = self._visual.ln_post(x[:, 0])
        return cls, cls if self._visual.proj is None else cls @ self._visual.proj


class TimmTower:
    """timm's ``VisionTransformer`` or ``Eva``, alone or as the trunk of an open_clip model with its projection."""

    def __init__(self, trunk: Any, head: nn.Module) -> None:
        self._trunk = trunk
        self._head = head
        self.width = int(self._trunk.num_features)
        projections = [part for part in (self._trunk.head, *head.modules()) if isinstance(part, nn.Linear)]
        self.projected_width = projections[-1].out_features if projections else self.width

    @property
    def blocks(self) -> list[Any]:
        """The transformer's blocks, first to last."""
        return list(self._trunk.blocks)

    def tokens(self, images: Tensor, shift: Tensor | None) -> Tensor:
        """As ``Tower.tokens``; registers, where there are any, follow the CLS token."""
        trunk = self._trunk
        placed = trunk._pos_embed(trunk.patch_embed(images))
        x = placed[0] if isinstance(placed, tuple) else placed
        if shift is not None:
            x = torch.cat([x[:, :1] + shift[:, None].to(x.dtype), x[:, 1:]], dim=1)
        return trunk.norm_pre(x)

    def rotation(self) -> Tensor | None:
        """Sines and cosines of the grid's rotary positions (N, 2 * head width), None for an encoder without."""
        rope = getattr(self._trunk, "rope", None)
        return None if rope is None else rope.get_embed()

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As ``Tower.features``."""
        trunk = self._trunk
        cls = trunk.fc_norm(trunk.norm(x)[:, 0])
        return cls, self._head(trunk.head(trunk.head_drop(cls)))


def make_tower(visual: nn.Module) -> Tower:
    """The view on a vision tower.

    Raises:
        InputError: not one of these kinds with its standard blocks, or its feature is not its CLS token.
    """
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

    if isinstance(visual, VisionTransformer):
        plain = (
            visual.attn_pool is None
            and visual.pool_type == "tok"
            and isinstance(visual.patch_dropout, nn.Identity)
            and all(isinstance(block, ResidualAttentionBlock) for block in visual.transformer.resblocks)
        )
        if plain:
            return ClipTower(visual)
    elif isinstance(visual, TimmModel | TimmVisual) and is_standard(visual.trunk):
        return TimmTower(visual.trunk, visual.head)
    name = type(getattr(visual, "trunk", visual)).__name__
    raise InputError(f"the vision tower {name} is not a standard vision transformer that reads its CLS token")


def is_standard(trunk: nn.Module) -> bool:
    """Whether a timm model is a plain transformer of pre-norm blocks whose feature is its CLS token."""
    from timm.layers import PatchDropout, PatchEmbed
    from timm.models.eva import Eva, EvaBlock
    from timm.models.vision_transformer import Block, VisionTransformer

    if type(trunk) not in (Eva, VisionTransformer):
        return False
    kind = EvaBlock if type(trunk) is Eva else Block
    return (
        trunk.global_pool == "token"
        and trunk.cls_token is not None
        and trunk.attn_pool is None
        and isinstance(trunk.patch_embed, PatchEmbed)
        and not isinstance(trunk.patch_drop, PatchDropout)
        and not getattr(trunk, "rope_mixed", False)
        and all(type(block) is kind for block in trunk.blocks)
    )


def attend(block: Any, x: Tensor, rotation: Tensor | None = None) -> Tensor:
    """Self-attention of ``block`` over tokens (B, N, D), its first residual branch.

    For open_clip's blocks, calls the attention kernel itself: the same numbers as ``nn.MultiheadAttention`` in
    training, to the bit, without its copies, and no second set of numbers from its inference path.
    """
    if hasattr(block, "ln_1"):
        attention = block.attn
        batch, tokens, width = x.shape
        heads = attention.num_heads
        packed = F.linear(block.ln_1(x), attention.in_proj_weight, attention.in_proj_bias)
        query, key, value = packed.view(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, tokens, width)
        return block.ls_1(attention.out_proj(mixed))
    if hasattr(block, "gamma_1"):
        mixed = block.attn(block.norm1(x), rope=rotation)
        return mixed if block.gamma_1 is None else block.gamma_1 * mixed
    return block.ls1(block.attn(block.norm1(x)))


def normed(block: Any, x: Tensor) -> Tensor:
    """Tokens (B, N, D) as the block's feed-forward network, and experts beside it, get them."""
    return block.ln_2(x) if hasattr(block, "ln_2") else block.norm2(x)


def feed(block: Any, h: Tensor) -> Tensor:
    """The feed-forward network of ``block`` on normalised tokens (B, N, D), its second residual branch."""
    if hasattr(block, "ls_2"):
        return block.ls_2(block.mlp(h))
    if hasattr(block, "gamma_1"):
        return block.mlp(h) if block.gamma_2 is None else block.gamma_2 * block.mlp(h)
    return block.ls2(block.mlp(h))
