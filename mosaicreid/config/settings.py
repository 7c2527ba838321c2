"""Every setting of a run, once: frozen dataclasses, one per concern.

The defaults are the paper's (Section 4.2) and CLIP-ReID's for person images (Li et al., 2023); ``profiles`` has what
differs on two CPU cores. A wrong name, type or range raises ``InputError`` with what was got and what is possible.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from mosaicreid.attributes import Schema
from mosaicreid.config.inclusion import inclusion_set
from mosaicreid.config.parsing import (
    build,
    check_at_most,
    check_choices,
    check_finite,
    check_fraction,
    check_not_negative,
    check_positive,
    merge,
    plain,
)
from mosaicreid.datasets import DATASETS, get_dataset
from mosaicreid.datasets.definition import Dataset
from mosaicreid.errors import InputError

STAGES = ("pretrain", "prompts", "baseline", "experts")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Images, and what a training batch is made of: ``batch_size / num_instances`` identities, PK sampling."""

    dataset: str = DATASETS[0]
    height: int = 256
    width: int = 128
    batch_size: int = 64
    num_instances: int = 4
    evaluation_batch_size: int = 256
    flip: float = 0.5
    padding: int = 10
    erasing: float = 0.5
    workers: int = 4

    def __post_init__(self) -> None:
        get_dataset(self.dataset)
        check_positive(self, "height", "width", "batch_size", "evaluation_batch_size")
        check_at_most(self, 8192, "height", "width", "padding", "num_instances")
        check_at_most(self, 1e6, "batch_size", "evaluation_batch_size")
        check_at_most(self, 1024, "workers")
        check_fraction(self, "flip", "erasing")
        check_not_negative(self, "padding", "workers")
        if self.num_instances < 2 or self.batch_size % self.num_instances:
            raise InputError(
                f"num_instances is {self.num_instances} and batch_size {self.batch_size}; expected at least 2 images "
                "per identity and a batch that is a multiple of it"
            )


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The encoder: an architecture (see ``models.backbone.build_clip``), its weights and its patch stride.

    ``weights`` is a tag of open_clip for that architecture, such as ``openai`` or ``laion2b_s34b_b88k``, whose
    activation comes with it; a file; ``pretrain`` for the stage of that name; or ``random``. ``text`` is ``none`` for
    an image encoder alone: prompts and the text loss (Eq. 3) are absent then. ``stride`` is 0 for the patch's own size.
    ``clip_reid`` is a checkpoint that CLIP-ReID released, which then stands in for the stages before the experts; empty
    for none. ``camera_embedding`` is CLIP-ReID's coefficient of the camera embedding (1 in its own runs, 3 where its
    options are left alone), 0 for none. No file of weights says it, so one that has the embedding needs it here.
    """

    architecture: str = "ViT-B-16-quickgelu"
    weights: str = "openai"
    clip_reid: str = ""
    text: Literal["tower", "none"] = "tower"
    stride: int = 0
    camera_embedding: float = 0.0

    def __post_init__(self) -> None:
        check_at_most(self, 1024, "stride")
        check_not_negative(self, "camera_embedding", "stride")
        if self.text == "none" and (self.clip_reid or self.weights == "pretrain"):
            what = "clip_reid is a checkpoint" if self.clip_reid else "weights are 'pretrain'"
            raise InputError(f"model.text is 'none' and {what}, which needs a text tower; expected a file or 'random'")


@dataclass(frozen=True, kw_only=True)
class ExpertOptions:
    """What experts are made of, handed on whole from here to ``models.experts`` (Sections 3.4, 4.2).

    They sit in the last ``last_k`` blocks. Each is a LoRA of ``rank``, scaled by ``alpha / rank``, with ``dropout`` on
    its input, the tokens reduced to one by ``token_reduction``. ``pooling`` makes one summary of the active experts'
    outputs, and ``injection`` adds it to every token or to the CLS token. ``ffn`` says what becomes of the block's own
    feed-forward network: ``kept`` (experts are residual), or ``replaced`` by the summary where an expert is active.
    """

    last_k: int = 12
    rank: int = 16
    alpha: float = 16.0
    dropout: float = 0.0
    pooling: Literal["mean", "max"] = "mean"
    token_reduction: Literal["mean", "cls", "max"] = "mean"
    injection: Literal["every", "cls"] = "every"
    ffn: Literal["kept", "replaced"] = "kept"

    def __post_init__(self) -> None:
        check_choices(self)
        check_positive(self, "last_k", "rank", "alpha")
        check_at_most(self, 1e6, "last_k", "rank", "alpha")
        check_fraction(self, "dropout")
        if self.dropout == 1:
            raise InputError("dropout is 1, which leaves nothing of any token; expected a fraction below 1")


@dataclass(frozen=True, kw_only=True)
class ExpertConfig(ExpertOptions):
    """The experts of a run: which attributes own some, what they are made of, and what they start from.

    ``start`` is the frozen encoder: ``baseline`` (CLIP-ReID's stage 2) or ``clip``. ``heads`` says where BNNecks and
    classifiers come from: ``baseline`` (copied, then trained), ``fresh`` (new, then trained) or ``frozen`` (copied).
    ``two_labels`` and ``unannotated`` are the router's policies for such images (Sections 3.2, 3.3).

    ``routing`` says whose labels the router gets, in training and test alike: the image's own (``oracle``), those that
    linear heads predict from the frozen encoder's features (``predicted``), or, as controls for the parameters that
    experts bring, another person's (``permuted``), those of another image at random, drawn once (``random``), or none
    and every expert is on (``always``: one bank of LoRA). ``longer`` is the control for the time that they train: a
    baseline whose encoder and heads train on, without experts, for as many epochs as experts do.
    """

    configuration: str = "all"
    start: Literal["baseline", "clip"] = "baseline"
    heads: Literal["baseline", "fresh", "frozen"] = "baseline"
    two_labels: Literal["both", "first"] = "both"
    unannotated: Literal["none", "every"] = "none"
    routing: Literal["oracle", "predicted", "permuted", "random", "always"] = "oracle"
    longer: bool = False


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One stage's optimisation: AdamW or Adam, warm-up, and a step or cosine schedule, all counted in epochs.

    ``bias_factor`` multiplies the learning rate of biases (CLIP-ReID: 2). A step schedule multiplies it by ``decay``
    at every milestone; a cosine schedule ends at ``final_learning_rate``. The loss weights are Eq. 4's; a stage
    without such a term ignores its weight. ``i2t_similarity`` is Eq. 3's: CLIP-ReID's dot product, or the cosine that
    the paper names as an example, without a temperature, as printed.
    """

    epochs: int
    learning_rate: float
    optimiser: Literal["adam", "adamw"] = "adam"
    weight_decay: float = 1e-4
    bias_factor: float = 1.0
    schedule: Literal["step", "cosine"] = "step"
    milestones: tuple[int, ...] = ()
    decay: float = 0.1
    final_learning_rate: float = 0.0
    warmup_epochs: int = 0
    warmup_factor: float = 0.1
    id_weight: float = 1.0
    triplet_weight: float = 1.0
    i2t_weight: float = 1.0
    i2t_similarity: Literal["dot", "cosine"] = "dot"
    triplet_margin: float = 0.3
    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        check_positive(self, "epochs", "learning_rate", "bias_factor", "decay")
        check_at_most(self, 1e6, "epochs", "warmup_epochs")
        check_not_negative(
            self, "weight_decay", "final_learning_rate", "warmup_epochs", "id_weight", "triplet_weight", "i2t_weight"
        )
        check_finite(self, "triplet_margin")
        check_fraction(self, "warmup_factor", "label_smoothing")
        if list(self.milestones) != sorted(set(self.milestones)) or any(m < 1 for m in self.milestones):
            raise InputError(f"milestones are {self.milestones}; expected increasing epochs from 1 on")


@dataclass(frozen=True, kw_only=True)
class StagesConfig:
    """The four stages as published; ``pretrain`` stands in for CLIP's own training where there are no weights."""

    pretrain: StageConfig = StageConfig(
        epochs=30, learning_rate=1e-3, optimiser="adamw", schedule="cosine", final_learning_rate=1e-5
    )
    prompts: StageConfig = StageConfig(
        epochs=120,
        learning_rate=3.5e-4,
        schedule="cosine",
        final_learning_rate=1e-6,
        warmup_epochs=5,
        warmup_factor=1e-5 / 3.5e-4,
    )
    baseline: StageConfig = StageConfig(
        epochs=60, learning_rate=5e-6, bias_factor=2.0, milestones=(30, 50), warmup_epochs=10, id_weight=0.25
    )
    experts: StageConfig = StageConfig(epochs=120, learning_rate=1e-4, optimiser="adamw", milestones=(90, 110))


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """How a run is computed, which its numbers may depend on in the last digits: precision, compilation, threads.

    ``threads`` is torch's number of threads, 0 for its own choice; ``device`` is ``auto`` (a GPU if any) or ``cpu``.
    """

    precision: Literal["no", "bf16", "fp16"] = "bf16"
    compile: bool = False
    threads: int = 0
    device: Literal["auto", "cpu"] = "auto"
    tensorboard: bool = True

    def __post_init__(self) -> None:
        check_not_negative(self, "threads")
        check_at_most(self, 1024, "threads")


@dataclass(frozen=True, kw_only=True)
class Config:
    """A whole run: ``seed`` drives every generator; the rest is one dataclass per concern.

    ``named`` lists settings besides the experts', dotted, that the run's name states where it lies beside runs that
    differ in them, like ``stages.experts.i2t_weight``.
    """

    profile: Literal["tiny", "paper"] = "paper"
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    experts: ExpertConfig = field(default_factory=ExpertConfig)
    stages: StagesConfig = field(default_factory=StagesConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    named: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_not_negative(self, "seed")
        check_at_most(self, 2**32 - 1, "seed")
        inclusion_set(self.experts.configuration, self.schema)
        for name in self.named:
            self.value(name)
        if self.experts.longer and self.experts.configuration != "baseline":
            raise InputError(
                f"experts.longer is a baseline that trains on, and the configuration is "
                f"{self.experts.configuration!r}; expected 'baseline'"
            )
        if self.model.clip_reid and self.experts.start == "clip":
            raise InputError(
                "experts.start is 'clip' and model.clip_reid a checkpoint, which has the fine-tuned encoder alone; "
                "expected start=baseline with it, or no checkpoint"
            )

    @property
    def dataset(self) -> Dataset:
        """The run's dataset, of the registry."""
        return get_dataset(self.data.dataset)

    @property
    def schema(self) -> Schema:
        """The attributes of the run's dataset."""
        return self.dataset.schema

    @property
    def included(self) -> tuple[str, ...]:
        """The attributes that own experts, in the schema's order; none for the baseline."""
        return inclusion_set(self.experts.configuration, self.schema)

    def value(self, name: str) -> object:
        """The value of a dotted setting below ``data``, ``model`` or ``stages``, such as ``stages.experts.i2t_weight``.

        Raises:
            InputError: there is no such setting.
        """
        found: object = self
        for part in name.split("."):
            found = getattr(found, part, None) if dataclasses.is_dataclass(found) else None
        if name.split(".")[0] not in ("data", "model", "stages") or not isinstance(found, str | bool | int | float):
            raise InputError(f"unknown setting {name!r} in named; expected one like stages.experts.i2t_weight")
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The configuration that ``to_dict`` wrote; what ``values`` leaves out is the paper's.

        Raises:
            InputError: a name that does not exist, a value of the wrong type or out of range.
        """
        return build(cls, merge(cls().to_dict(), values, "config"), "config")

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionaries of plain values, ready for JSON (tuples become lists)."""
        return plain(dataclasses.asdict(self))
