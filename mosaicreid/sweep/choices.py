"""Everything that the paper leaves open, and every control that is a run: what else is trained, by which command."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# Who trains the other values: every sweep, `make paper` and `make choices`, the latter alone, or a sweep of its own.
Trained = Literal["sweep", "paper", "choices", "alone"]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One open choice, or one control.

    Attributes:
        setting: its dotted name.
        values: what is tried beside the profile's value; for ``alone``, what there is.
        what: the question, in words.
        why: what the paper says of it, or what the control excludes.
        trained: who trains the other values.
        besides: further settings that they need.
        configuration: the inclusion set that is trained.
    """

    setting: str
    values: tuple[object, ...]
    what: str
    why: str
    trained: Trained
    besides: Mapping[str, object] = field(default_factory=dict)
    configuration: str = "all"


CHOICES = (
    Choice(
        setting="experts.last_k",
        values=(1, 2, 4, 8, 12),
        what="How many of the last blocks have experts",
        why="Table 6; of an encoder with fewer blocks, the same shares of them",
        trained="sweep",
    ),
    Choice(
        setting="experts.rank",
        values=(1, 2, 4, 8, 16, 32),
        what="The rank of every expert's two matrices",
        why="Section 4.2 refers to a supplement",
        trained="sweep",
    ),
    Choice(
        setting="experts.pooling",
        values=("max",),
        what="How the active experts' outputs become one",
        why="Section 4.2 refers to a supplement",
        trained="sweep",
    ),
    Choice(
        setting="experts.token_reduction",
        values=("cls", "max"),
        what="How a block's tokens become the experts' one input",
        why="Section 3.4 does not say",
        trained="sweep",
    ),
    Choice(
        setting="experts.injection",
        values=("cls",),
        what="Which tokens the experts' output is added to",
        why="Section 3.4 does not say",
        trained="sweep",
    ),
    Choice(
        setting="experts.heads",
        values=("fresh", "frozen"),
        what="Where the classification heads come from, and whether they train",
        why="Section 3.5 does not say",
        trained="sweep",
    ),
    Choice(
        setting="experts.start",
        values=("clip",),
        what="What the frozen encoder is: fine-tuned, or CLIP's own",
        why="Section 3.5 does not say; CLIP has no heads, so they start fresh",
        trained="sweep",
        besides={"experts.heads": "fresh"},
    ),
    Choice(
        setting="experts.routing",
        values=("always", "random"),
        what="Control: as many parameters, steered by no label",
        why="one bank of LoRA that is always on; experts with the gates of another image, drawn once",
        trained="paper",
    ),
    Choice(
        setting="experts.longer",
        values=(True,),
        what="Control: as much training, without experts",
        why="encoder and heads of the baseline train on for the experts' epochs",
        trained="paper",
        configuration="baseline",
    ),
    Choice(
        setting="experts.routing",
        values=("permuted",),
        what="Control: labels of other people, in training and test",
        why="`mosaicreid oracle run` trains these experts in every sweep, for its own comparison",
        trained="choices",
    ),
    Choice(
        setting="experts.routing",
        values=("predicted",),
        what="Experts trained and tested with predicted labels",
        why="the paper's router has the annotation; a user's has not",
        trained="choices",
    ),
    Choice(
        setting="experts.ffn",
        values=("replaced",),
        what="Whether experts are added to the feed-forward network or take its place",
        why="Section 3.4 argues for residual experts and shows no other",
        trained="choices",
    ),
    Choice(
        setting="experts.alpha",
        values=(1.0, 4.0, 16.0, 64.0),
        what="The numerator of LoRA's scale",
        why="not stated",
        trained="choices",
    ),
    Choice(
        setting="experts.two_labels",
        values=("first",),
        what="What two labels of one attribute activate",
        why="Section 3.3 does not say; both experts here",
        trained="choices",
    ),
    Choice(
        setting="experts.unannotated",
        values=("every",),
        what="What an image without any label activates",
        why="Section 3.3 does not say; no expert here",
        trained="choices",
    ),
    Choice(
        setting="stages.experts.id_weight",
        values=(0.0, 0.25),
        what="The weight of the identity loss (Eq. 4)",
        why="not stated; 0.25 is CLIP-ReID's",
        trained="choices",
    ),
    Choice(
        setting="stages.experts.triplet_weight",
        values=(0.0,),
        what="The weight of the triplet loss (Eq. 4)",
        why="not stated; 1 is CLIP-ReID's",
        trained="choices",
    ),
    Choice(
        setting="stages.experts.i2t_weight",
        values=(0.0,),
        what="The weight of the image-to-text loss (Eq. 4)",
        why="not stated; 1 is CLIP-ReID's",
        trained="choices",
    ),
    Choice(
        setting="stages.experts.i2t_similarity",
        values=("cosine",),
        what="The similarity in Eq. 3",
        why="“e.g. cosine”; CLIP-ReID's code has the dot product",
        trained="choices",
    ),
    Choice(
        setting="stages.experts.triplet_margin",
        values=(0.1, 0.5),
        what="The margin of the triplet loss (Eq. 2)",
        why="not stated; 0.3 is CLIP-ReID's",
        trained="choices",
    ),
    Choice(
        setting="data.batch_size",
        values=(32, 128),
        what="Images in a batch",
        why="not stated; 64 is CLIP-ReID's. All stages follow, so it needs a folder of runs of its own",
        trained="alone",
    ),
    Choice(
        setting="model.camera_embedding",
        values=(1.0, 3.0),
        what="The coefficient of the camera embedding",
        why="not stated; none here, 1 in CLIP-ReID's runs, 3 where its options are left alone. All stages follow",
        trained="alone",
    ),
)
