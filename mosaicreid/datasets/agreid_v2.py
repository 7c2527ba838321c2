"""AG-ReID.v2 (Nguyen et al., 2024): people from the air and from the ground, 15 attributes, four protocols.

An identity is a person at one time and altitude. What its authors call unknown is no label here. Its attribute file is
said to have 88 columns, while the published lists name more values than that: a value without a column is one that
nobody has.
"""

from mosaicreid.attributes import Schema
from mosaicreid.datasets.definition import ForeignDataset, dual_state, multiclass, single_state

_GROUPS = (
    dual_state("gender", ("male", "female"), "intrinsic", "Gender"),
    multiclass("age", "0-11 12-17 18-24 25-34 35-44 45-54 55-64 over-65", "intrinsic", "Age in years"),
    multiclass("height", "child short medium tall", "intrinsic", "Height"),
    multiclass("weight", "thin medium fat", "intrinsic", "Build"),
    multiclass("ethnic", "white black asian indian", "intrinsic", "Ethnicity as annotated"),
    multiclass("haircolor", "black brown white red gray occluded", "intrinsic", "Hair colour"),
    multiclass("hairstyle", "bald short medium long horsetail", "intrinsic", "Hair style"),
    single_state("beard", "intrinsic", "Beard"),
    single_state("moustache", "intrinsic", "Moustache"),
    multiclass("glasses", "normal sunglasses no", "accessories", "Glasses"),
    multiclass("head", "hat scarf neckless occluded", "accessories", "On head and neck"),
    multiclass(
        "upper",
        "t-shirt blouse sweater coat bikini naked dress uniform shirt suit hoodie cardigan",
        "upper",
        "Upper clothing",
    ),
    multiclass("lower", "jeans leggins pants shorts skirt bikini dress uniform suit", "lower", "Lower clothing"),
    multiclass("feet", "sport classic high-heels boots sandals nothing", "lower", "Shoes"),
    multiclass("bag", "bag backpack handbag rolling umbrella sport market nothing", "accessories", "Carried"),
)
# Of each protocol its file, and images of query and gallery.
_PROTOCOLS = {
    "aerial_cctv": ("exp1_aerial_to_cctv.txt", 2356, 6347),
    "aerial_wearable": ("exp2_aerial_to_wearable.txt", 2209, 12912),
    "cctv_aerial": ("exp4_cctv_to_aerial.txt", 1811, 14362),
    "wearable_aerial": ("exp5_wearable_to_aerial.txt", 2340, 12568),
}

AGREID_V2 = tuple(
    ForeignDataset(
        name=f"agreid_v2_{protocol}",
        title=f"AG-ReID.v2, {protocol.replace('_', ' to ').replace('cctv', 'CCTV')}",
        schema=Schema(f"agreid_v2_{protocol}", _GROUPS),
        form="agreid_v2",
        protocol=file,
        images={"query": query, "gallery": gallery},
    )
    for protocol, (file, query, gallery) in _PROTOCOLS.items()
)
