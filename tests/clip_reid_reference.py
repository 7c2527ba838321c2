"""CLIP-ReID's released checkpoints at this package's tiny sizes, and their features by plain tensor algebra."""

import torch
from torch.nn import functional as F

WIDTH, JOINT, TEXT, CONTEXT, DEPTH, TEXT_DEPTH = 96, 64, 64, 48, 4, 2


def blocks(prefix, depth, width):
    shapes = {}
    for k in range(depth):
        shapes |= {
            f"{prefix}.{k}.attn.in_proj_weight": (3 * width, width),
            f"{prefix}.{k}.attn.in_proj_bias": (3 * width,),
            f"{prefix}.{k}.attn.out_proj.weight": (width, width),
            f"{prefix}.{k}.attn.out_proj.bias": (width,),
            f"{prefix}.{k}.mlp.c_fc.weight": (4 * width, width),
            f"{prefix}.{k}.mlp.c_fc.bias": (4 * width,),
            f"{prefix}.{k}.mlp.c_proj.weight": (width, 4 * width),
            f"{prefix}.{k}.mlp.c_proj.bias": (width,),
        }
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"{prefix}.{k}.{norm}.weight": (width,), f"{prefix}.{k}.{norm}.bias": (width,)}
    return shapes


def norm(prefix, width):
    return {f"{prefix}.weight": (width,), f"{prefix}.bias": (width,)}


def clip_reid_shapes(identities=6, cameras=0):
    """The tensors of a CLIP-ReID checkpoint, by the reference notes, at this package's tiny sizes."""
    shapes = {
        "image_encoder.class_embedding": (WIDTH,),
        "image_encoder.positional_embedding": (33, WIDTH),
        "image_encoder.proj": (WIDTH, JOINT),
        "image_encoder.conv1.weight": (WIDTH, 3, 8, 8),
        **norm("image_encoder.ln_pre", WIDTH),
        **norm("image_encoder.ln_post", WIDTH),
        **blocks("image_encoder.transformer.resblocks", DEPTH, WIDTH),
        "text_encoder.positional_embedding": (CONTEXT, TEXT),
        "text_encoder.text_projection": (TEXT, JOINT),
        **norm("text_encoder.ln_final", TEXT),
        **blocks("text_encoder.transformer.resblocks", TEXT_DEPTH, TEXT),
        "prompt_learner.cls_ctx": (identities, 4, TEXT),
        "prompt_learner.token_prefix": (1, 5, TEXT),
        "prompt_learner.token_suffix": (1, CONTEXT - 9, TEXT),
        "classifier.weight": (identities, WIDTH),
        "classifier_proj.weight": (identities, JOINT),
    }
    for name, width in (("bottleneck", WIDTH), ("bottleneck_proj", JOINT)):
        shapes |= norm(name, width)
        shapes |= {f"{name}.running_mean": (width,), f"{name}.running_var": (width,), f"{name}.num_batches_tracked": ()}
    if cameras:
        shapes["cv_embed"] = (cameras, WIDTH)
    return shapes


def clip_reid_state(**sizes):
    generator = torch.Generator().manual_seed(1)
    shapes = clip_reid_shapes(**sizes)
    state = {name: 0.1 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    for name in state:
        if name.endswith("running_var"):
            state[name] = state[name].abs() + 1
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(5)
    return state


def transformer(state, prefix, depth, heads, x, mask=None):
    """Pre-norm blocks with GELU, straight from the tensors."""
    for k in range(depth):
        p = {name.removeprefix(f"{prefix}.{k}."): t for name, t in state.items() if name.startswith(f"{prefix}.{k}.")}
        normed = F.layer_norm(x, x.shape[-1:], p["ln_1.weight"], p["ln_1.bias"])
        packed = normed @ p["attn.in_proj_weight"].T + p["attn.in_proj_bias"]
        q, k_, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in packed.chunk(3, dim=-1))
        scores = q @ k_.transpose(-1, -2) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores + mask
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        before = x
        x = x + mixed @ p["attn.out_proj.weight"].T + p["attn.out_proj.bias"]
        normed = F.layer_norm(x, x.shape[-1:], p["ln_2.weight"], p["ln_2.bias"])
        inner = F.gelu(normed @ p["mlp.c_fc.weight"].T + p["mlp.c_fc.bias"])
        x = x + inner @ p["mlp.c_proj.weight"].T + p["mlp.c_proj.bias"]
    return before, x


def expected_features(state, images, camera=None):
    """(last, CLS, projected) of a CLIP-ReID checkpoint, with no module of this package."""
    s = {name.removeprefix("image_encoder."): t for name, t in state.items()}
    patches = F.unfold(images, 8, stride=8).transpose(1, 2) @ s["conv1.weight"].flatten(1).T
    cls = s["class_embedding"].expand(len(images), 1, -1)
    if camera is not None:
        cls = cls + 3.0 * state["cv_embed"][camera][:, None]
    x = torch.cat([cls, patches], 1) + s["positional_embedding"]
    x = F.layer_norm(x, (WIDTH,), s["ln_pre.weight"], s["ln_pre.bias"])
    last, x = transformer(s, "transformer.resblocks", DEPTH, 3, x)
    cls = F.layer_norm(x[:, 0], (WIDTH,), s["ln_post.weight"], s["ln_post.bias"])
    return last[:, 0], cls, cls @ s["proj"]
