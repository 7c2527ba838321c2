"""A cell whose world is drawn, trained on and scored in seconds."""

from mosaicreid.analyses.strength.cells import Cell

QUICK = (
    "data.height=32 data.width=16 data.batch_size=8 data.num_instances=2 stages.pretrain.epochs=1"
    " stages.pretrain.warmup_epochs=0 stages.prompts.epochs=1 stages.prompts.warmup_epochs=0 stages.baseline.epochs=1"
    " stages.baseline.warmup_epochs=0 stages.baseline.milestones=[]"
)


def quick_cell(**changes: object) -> Cell:
    """A cell of 24 people, 32x16 pixels and one epoch a stage."""
    values: dict[str, object] = {
        "name": "quick",
        "dataset": "dukemtmc",
        "route": "identity",
        "target": 20.0,
        "identities": 24,
        "first_world": 5,
        "worlds": 2,
        "lengths": (1, 2),
        "world": "images_per_camera=[1,1] train_share=0.5 distractor_identities=0",
        "settings": QUICK,
        "long_arms": ("experts",),
    }
    return Cell(**(values | changes))  # type: ignore[arg-type]


def as_toml(some: list[Cell]) -> str:
    """A settings file of cells."""
    lines = []
    for cell in some:
        lines.append("[[cell]]")
        for name, value in vars(cell).items():
            shown = str(value).lower() if isinstance(value, bool) else value
            shown = list(value) if isinstance(value, tuple) else shown
            lines.append(f"{name} = {shown!r}" if not isinstance(value, bool) else f"{name} = {shown}")
    return "\n".join(lines).replace("'", '"')
