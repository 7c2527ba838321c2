"""The table of README.md: which figures stand in it, what each is aimed at, and how it is written from the measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from mosaicreid.errors import InputError

BEGIN, END = "<!-- begin: written by run_all.py -->", "<!-- end: written by run_all.py -->"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A figure: of which item of the issue, in words, from which job of ``run_all``, under which name in its file.

    ``form`` writes the value with its unit. ``at_most`` or ``at_least`` is the aim; neither for a figure that is only
    to be said. ``short`` says why it falls short where it does, and what would be needed.
    """

    item: str
    what: str
    job: str
    figure: str
    form: str
    at_most: float | None = None
    at_least: float | None = None
    short: str = ""

    @property
    def aim(self) -> str:
        """The aim in words."""
        if self.at_most is not None:
            return f"at most {self.form.format(self.at_most)}"
        return f"at least {self.form.format(self.at_least)}" if self.at_least is not None else "–"

    def met(self, value: float) -> bool | None:
        """Whether ``value`` is what was aimed at; None without an aim. What is shown decides, digit for digit."""
        shown = float(self.form.format(value).split()[0].replace(",", ""))
        if self.at_most is not None:
            return shown <= self.at_most
        return shown >= self.at_least if self.at_least is not None else None


def _step(size: str, batch: str) -> tuple[Row, ...]:
    figures = {
        "share": ("share of the matrix product speed that a training step reaches", "{:.2f}"),
        "seconds": ("CPU time of that step", "{:.3f} s"),
        "product_gflops": ("its products alone", "{:.0f} GFLOP/s"),
        "data": ("reading and augmentation, as a share of that step", "{:.3f}"),
        "optimiser": ("the optimiser, as a share of that step", "{:.3f}"),
    }
    return tuple(
        Row(
            item="15.3",
            what=f"{what}, {size}, {stage} stage, {batch}",
            job=f"step {size}",
            figure=f"{stage}_{figure}",
            form=form,
        )
        for stage in ("baseline", "experts")
        for figure, (what, form) in figures.items()
    )


def _retrieval(gallery: int, methods: tuple[str, ...], at_most: float | None) -> tuple[Row, ...]:
    job, size = f"retrieval {gallery}", f"{gallery:,} gallery images"
    why = (
        "the scores are read several times after the product: to check them, to bin them, to count; one pass that is "
        "compiled for it (C, or `torch.compile`) would be needed"
    )
    words = {
        "evaluate": "evaluation, clustered features",
        "random": "evaluation, features without structure",
        "ties": "evaluation, tied scores",
    }
    rows = [
        Row(
            item="15.4",
            what=f"{text}, against the bare product, {size}",
            job=job,
            figure=f"{method}_ratio_{gallery}",
            form="{:.2f}",
            at_most=at_most,
            short=why,
        )
        for method, text in words.items()
        if method in methods
    ]
    memory = Row(
        item="15.4",
        what=f"memory beyond the features, {size}",
        job=job,
        figure=f"evaluate_beyond_{gallery}",
        form="{:.2f} GiB",
        at_most=0.3,
        short="a block of scores for the fewest queries that a product likes is what remains; fewer cost it its speed",
    )
    return (*rows, memory)


ROWS = (
    Row(
        item="15.1",
        what="CPU time of a tiny run beyond training, extraction and evaluation",
        job="sweep part",
        figure="run_rest",
        form="{:.1f} s",
        at_most=3.0,
        short="a part of a sweep has few runs to share Snakemake's start and the import for all kernels",
    ),
    Row(
        item="15.1",
        what="the same in a whole sweep",
        job="sweep",
        figure="run_rest",
        form="{:.1f} s",
        at_most=3.0,
        short="what remains is papermill, a notebook's figures, and opening the run's data and models",
    ),
    Row(
        item="15.2",
        what="a whole sweep's CPU time over that of its training, extraction and evaluation",
        job="sweep",
        figure="ratio",
        form="{:.2f}",
        at_most=1.35,
        short="the analyses, the controls' imports and the runs' notebooks do not shrink with the tiny worlds",
    ),
    Row(
        item="15.2",
        what="the sweep, step by step, and the book, by the clock, on two cores",
        job="sweep",
        figure="minutes",
        form="{:.1f} min",
        at_most=8.0,
        short="what the sweep computes alone takes longer; fewer epochs, runs or people would be needed",
    ),
    *_step("tiny", "batch 64"),
    *_step("paper", "ViT-B/16, batch 64"),
    Row(
        item="15.3",
        what="a training step with experts over the same without, ViT-B/16, K = 12, batch 8",
        job="experts",
        figure="step",
        form="{:.2f}",
        at_most=1.03,
        short="the machine was not idle, or the products of the experts are slow on it",
    ),
    Row(
        item="15.3",
        what="extraction with experts over the same without",
        job="experts",
        figure="extraction",
        form="{:.2f}",
        at_most=1.03,
        short="the machine was not idle, or the products of the experts are slow on it",
    ),
    Row(
        item="15.3",
        what="a loop over samples and experts over the stacked experts",
        job="experts",
        figure="loop",
        form="{:.1f}",
    ),
    Row(
        item="15.3",
        what="peak memory of an experts' step, ViT-B/16, batch 64, float32",
        job="memory",
        figure="peak_gib_64",
        form="{:.1f} GiB",
        at_most=22.35,
        short="batches would have to be computed in parts",
    ),
    Row(
        item="15.3",
        what="an epoch from the image cache over decoding the same images",
        job="cache",
        figure="ratio",
        form="{:.3f}",
    ),
    Row(
        item="15.3",
        what="torchvision's augmentation per image over the batched one",
        job="augment",
        figure="per_image_ratio",
        form="{:.1f}",
    ),
    Row(item="15.3", what="tiny training, baseline stage", job="training", figure="baseline", form="{:.0f} images/s"),
    Row(item="15.3", what="tiny training, experts stage", job="training", figure="experts", form="{:.0f} images/s"),
    *_retrieval(19732, ("evaluate", "random", "ties"), 1.25),
    Row(
        item="15.4",
        what="evaluation after re-ranking against the bare product, 19,732 gallery images",
        job="retrieval 19732",
        figure="rerank_ratio_19732",
        form="{:.1f}",
    ),
    Row(
        item="15.4",
        what="its CPU time",
        job="retrieval 19732",
        figure="rerank_cpu_19732",
        form="{:.1f} s",
    ),
    *_retrieval(100000, ("evaluate", "random", "ties"), 1.25),
    *_retrieval(1000000, ("evaluate",), None),
    Row(
        item="15.4",
        what="evaluation, a million gallery images",
        job="retrieval 1000000",
        figure="evaluate_cpu_1000000",
        form="{:.0f} s of CPU",
    ),
    Row(
        item="15.4",
        what="its memory, features included",
        job="retrieval 1000000",
        figure="evaluate_gib_1000000",
        form="{:.1f} GiB",
    ),
    Row(
        item="15.4",
        what="leakage of all subsets of attributes, both datasets at real size",
        job="leakage",
        figure="seconds",
        form="{:.1f} s",
    ),
    Row(
        item="–",
        what="synthesis of images over bare JPEG encoding and writing, CPU time",
        job="synthesis",
        figure="cpu_ratio",
        form="{:.1f}",
    ),
)


def write_table(
    measured: Mapping[str, Mapping[str, float]], about: Mapping[str, str], skipped: Mapping[str, str]
) -> str:
    """The part of README.md between the two marks, as Markdown.

    Args:
        measured: of every job that ran, its figures by name.
        about: what is said of the run itself, by what it is: machine, versions, date.
        skipped: of every job that did not run, why.

    Raises:
        InputError: a figure of the table that its job does not give, or a job that neither ran nor was skipped.
    """
    lines = [f"{name}: {value}  " for name, value in about.items()]
    lines += ["", "| item | figure | measured | aim | met |", "|---|---|---|---|---|"]
    missed: dict[str, list[str]] = {}
    for row in ROWS:
        if row.job in skipped:
            lines.append(f"| {row.item} | {row.what} | not measured: {skipped[row.job]} | {row.aim} | |")
            continue
        value = measured.get(row.job, {}).get(row.figure)
        if value is None:
            raise InputError(f"the job {row.job!r} gave no figure {row.figure!r}; expected every row of the table")
        met = row.met(value)
        said = {None: "", True: "yes", False: "**no**"}[met]
        lines.append(f"| {row.item} | {row.what} | {row.form.format(value)} | {row.aim} | {said} |")
        if met is False:
            missed.setdefault(row.short, []).append(row.what)
    if missed:
        lines += ["", "What falls short, why, and what would be needed:", ""]
        lines += [f"- {'; '.join(whats)}: {why}." for why, whats in missed.items()]
    return "\n".join([BEGIN, *lines, END])


def replace_table(text: str, table: str) -> str:
    """``text`` of README.md with ``table`` in place of what stands between the two marks.

    Raises:
        InputError: the marks are not there once each, in their order.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in tail:
        raise InputError(f"README.md has no place for the table; expected {BEGIN} and {END} once each")
    return head + table + tail
