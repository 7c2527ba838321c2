"""Published weights by the name that open_clip or timm gives them, with the activation that they were trained with."""

from pathlib import Path

from torch import Tensor

from mosaicreid.errors import InputError
from mosaicreid.models.layouts import without_wrappers
from mosaicreid.models.weights import is_openai_archive, read_weights


def activation(architecture: str, weights: str) -> bool | None:
    """Whether the weights that open_clip calls ``weights`` were trained with QuickGELU; None for any others."""
    from open_clip.pretrained import get_pretrained_cfg

    source = get_pretrained_cfg(architecture, weights)
    return bool(source.get("quick_gelu")) if source else None


def clip_weights(architecture: str, weights: str) -> dict[str, Tensor]:
    """The tensors that ``weights`` names: a file, a tag that open_clip has for the architecture, or ``timm``.

    Raises:
        InputError: neither a file nor such a tag; weights that cannot be fetched; as ``read_weights``; or an archive of
            OpenAI's for an architecture that computes another activation.
    """
    from open_clip import get_model_config, list_pretrained_tags_by_model
    from open_clip.pretrained import download_pretrained, get_pretrained_cfg

    path = Path(weights)
    if path.is_file():
        quick = (get_model_config(architecture) or {}).get("quick_gelu")
        # Both load into the same names and shapes, and the features would be wrong without a word.
        if is_openai_archive(path) and not quick and get_model_config(f"{architecture}-quickgelu"):
            raise InputError(
                f"{path.name!r} is an archive of OpenAI's, trained with QuickGELU, and {architecture!r} computes GELU; "
                f"expected {architecture}-quickgelu"
            )
        return read_weights(path)
    if architecture.startswith("timm/"):
        return _timm_weights(architecture.removeprefix("timm/"), weights)
    source = get_pretrained_cfg(architecture, weights)
    if not source:
        if path.suffix or len(path.parts) > 1:
            raise InputError(f"no weights at {path}; expected a checkpoint file")
        tags = ", ".join(list_pretrained_tags_by_model(architecture)) or "none"
        raise InputError(
            f"weights {weights!r} are neither a file nor published for {architecture!r}; open_clip's tags for it: "
            f"{tags}"
        )
    try:
        return read_weights(Path(download_pretrained(source)))
    except InputError:
        raise
    except Exception as error:
        # The hub's client has no common exception: whatever fails here, the way out is the same.
        raise InputError(
            f"the weights {weights!r} of {architecture} could not be fetched ({_reason(error)}); give a file"
        ) from error


def _timm_weights(name: str, weights: str) -> dict[str, Tensor]:
    import timm

    if weights != "timm":
        raise InputError(f"weights {weights!r} are no file; expected one for timm/{name}, or 'timm', or 'random'")
    try:
        model = timm.create_model(name, pretrained=True, num_classes=0)
    # As of the hub above; a name without published weights raises too.
    except Exception as error:
        raise InputError(f"timm's weights of {name} could not be fetched ({_reason(error)}); give a file") from error
    return without_wrappers(model.state_dict())


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
