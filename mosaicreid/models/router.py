"""The oracle router: annotated attribute codes decide which experts are active (Section 3.3)."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from mosaicreid.attributes import Schema
from mosaicreid.errors import InputError, one_of

TwoLabels = Literal["both", "first"]
Unannotated = Literal["none", "every"]


class Router(nn.Module):
    """Attribute codes (B, A) to a gate (B, E) over the experts of the included attributes.

    ``include`` is the inclusion set of a trained configuration; E counts the experts of its attributes alone, in
    schema order (``experts``: their names ``attribute=value``). An attribute without a label activates none of its
    experts: that is also how a single-state attribute says "absent", since absence owns no expert.

    ``two_labels``: an attribute with two labels activates ``both`` experts, or the ``first`` in bit order.
    ``unannotated``: an image without a single label (Market-1501's distractors) activates ``none`` of the experts, or
    ``every`` one.

    Raises:
        InputError: an empty inclusion set, an attribute that the dataset lacks, or an unknown policy.
    """

    column: Tensor
    bit: Tensor

    def __init__(
        self,
        schema: Schema,
        include: Iterable[str],
        *,
        two_labels: TwoLabels = "both",
        unannotated: Unannotated = "none",
    ) -> None:
        super().__init__()
        if two_labels not in ("both", "first"):
            raise one_of("policy for two labels", two_labels, ("both", "first"))
        if unannotated not in ("none", "every"):
            raise one_of("policy for unannotated images", unannotated, ("none", "every"))
        included = set(include)
        if not included:
            raise InputError("no attribute included; a model without experts is the baseline and needs no router")
        for name in sorted(included - set(schema.attributes)):
            raise one_of(f"attribute of {schema.dataset}", name, schema.attributes)
        kept = [e for e, name in enumerate(schema.experts) if name.partition("=")[0] in included]
        positions = torch.from_numpy(schema.expert_positions)[kept]
        self.dataset = schema.dataset
        self.width = len(schema.attributes)
        self.attributes = tuple(name for name in schema.attributes if name in included)
        self.experts = tuple(schema.experts[e] for e in kept)
        self.two_labels = two_labels
        self.unannotated = unannotated
        self.register_buffer("column", positions[:, 0].clone(), persistent=False)
        self.register_buffer("bit", positions[:, 1].clone(), persistent=False)

    def forward(self, codes: Tensor, mask: Tensor | None = None) -> Tensor:
        """The gate (B, E), float32 of 0 and 1, from integer ``codes`` (B, A) that cover every attribute of the schema.

        ``mask`` (E,), from ``mask``, switches experts off for the whole batch.

        Raises:
            InputError: codes of another number of attributes, such as another dataset's.
        """
        if codes.ndim != 2 or codes.shape[1] != self.width:
            raise InputError(
                f"the codes' shape is {tuple(codes.shape)}; expected (images, {self.width}), the attributes of "
                f"{self.dataset}; likely cause: annotation of another dataset"
            )
        # In two's complement, code & -code keeps the lowest bit that is set.
        labels = codes & -codes if self.two_labels == "first" else codes
        gate = (labels[:, self.column] >> self.bit & 1).float()
        if self.unannotated == "every":
            gate = torch.where((codes != 0).any(dim=1, keepdim=True), gate, 1.0)
        return gate if mask is None else gate * mask

    def mask(self, off: Iterable[str]) -> Tensor:
        """(E,) float32: 0 for the experts to switch off, 1 for the others.

        ``off`` names attributes (all their experts) or single experts ``attribute=value``.

        Raises:
            InputError: a name that is neither an included attribute nor one of its experts.
        """
        names = set(off)
        for name in sorted(names - set(self.attributes) - set(self.experts)):
            raise one_of("attribute or expert", name, (*self.attributes, *self.experts))
        kept = [name not in names and name.partition("=")[0] not in names for name in self.experts]
        return torch.tensor(kept, dtype=torch.float32, device=self.column.device)


def label_at_random(codes: Tensor, donors: Tensor, generator: torch.Generator) -> Tensor:
    """``codes`` (B, A) with every wholly unlabelled row replaced by a row of ``donors`` (P, A) drawn at random.

    Routing distractors through no expert marks them as unannotated, a cue that a real router would not have. With the
    codes of annotated test identities, their gates are distributed like everybody's.

    Raises:
        InputError: ``donors`` is empty, or has a row without a label.
    """
    if not len(donors) or not (donors != 0).any(dim=1).all():
        raise InputError("codes to draw from must be of annotated identities; got none, or one without a label")
    drawn = torch.randint(len(donors), (len(codes),), generator=generator, device=generator.device)
    return torch.where((codes != 0).any(dim=1, keepdim=True), codes, donors[drawn])
