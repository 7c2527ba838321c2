"""Market-1501 (Zheng et al., 2015) with the attributes of Lin et al. (2019)."""

import re

from mosaicreid.attributes import Schema
from mosaicreid.datasets.definition import (
    AnnotationLayout,
    Counts,
    FolderDataset,
    ImageNames,
    Source,
    SyntheticPriors,
    dual_state,
    multiclass,
    single_state,
)
from mosaicreid.datasets.world_options import WorldOptions

MARKET1501 = FolderDataset(
    name="market1501",
    title="Market-1501",
    world_title="Market-like world",
    # Attributes in the column order of Table 3, values in the order of the annotation's codes.
    schema=Schema(
        "market1501",
        (
            dual_state("gender", ("male", "female"), "intrinsic", "Gender"),
            dual_state("hair", ("short", "long"), "intrinsic", "Hair length"),
            multiclass("age", "young teenager adult old", "intrinsic", "Age group"),
            single_state("hat", "accessories", "Hat"),
            single_state("backpack", "accessories", "Backpack"),
            single_state("bag", "accessories", "Bag"),
            single_state("handbag", "accessories", "Handbag"),
            # The length of the sleeve; DukeMTMC's `top`, in the same row of Table 1, is the garment's.
            dual_state("up", ("long", "short"), "upper", "Sleeve length"),
            multiclass("upcolour", "black white red purple yellow gray blue green", "upper", "Colour of upper garment"),
            dual_state("down", ("long", "short"), "lower", "Length of lower garment"),
            multiclass(
                "downcolour", "black white pink purple yellow gray blue green brown", "lower", "Colour of lower garment"
            ),
            dual_state("clothes", ("dress", "pants"), "lower", "Dress or trousers"),
        ),
    ),
    images=ImageNames(
        # A few files of the authors' archive, nearly all of identity 1488, end in .jpg.jpg.
        pattern=re.compile(r"(-1|\d{4})_c([1-6])s\d_\d{6}_\d{2}\.jpg(?:\.jpg)?", re.ASCII),
        example="0002_c1s1_000451_03.jpg",
        template="{who}_c{camid}s1_{index:06d}_01.jpg",
    ),
    cameras=6,
    counts={"train": Counts(12936, 751), "query": Counts(3368, 750), "gallery": Counts(19732, 750)},
    annotation=AnnotationLayout(
        file_name="market_attribute.mat",
        order={
            "test": (
                "age backpack bag handbag clothes down up hair hat gender"
                " upblack upwhite upred uppurple upyellow upgray upblue upgreen"
                " downblack downwhite downpink downpurple downyellow downgray downblue downgreen downbrown"
            ),
            "train": (
                "age backpack bag handbag"
                " downblack downblue downbrown downgray downgreen downpink downpurple downwhite downyellow"
                " upblack upblue upgreen upgray uppurple upred upwhite upyellow"
                " clothes down up hair hat gender"
            ),
        },
        per_value={"upcolour": "up", "downcolour": "down"},
    ),
    source=Source(
        page="https://github.com/vana77/Market-1501_Attribute",
        url="https://raw.githubusercontent.com/vana77/Market-1501_Attribute/master/market_attribute.mat",
        sha256="d9fdbdd2e33ed2c4e3a073b77b1d16ac9fae5d93dd597ccd4e38bf75b2efaa95",
    ),
    # Priors are the shares of the real identities with one label, training and test together. Visibilities are spread
    # so that the order of knowledge gains is clear-cut.
    synthetic=SyntheticPriors(
        priors={
            "gender": (0.563, 0.437),
            "hair": (0.654, 0.346),
            "age": (0.011, 0.805, 0.175, 0.009),
            "hat": (0.971, 0.029),
            "backpack": (0.743, 0.257),
            "bag": (0.753, 0.247),
            "handbag": (0.892, 0.108),
            "up": (0.056, 0.944),
            "upcolour": (0.164, 0.321, 0.114, 0.04, 0.072, 0.142, 0.072, 0.075),
            "down": (0.37, 0.63),
            "downcolour": (0.407, 0.076, 0.034, 0.001, 0.008, 0.174, 0.194, 0.024, 0.082),
            "clothes": (0.13, 0.87),
        },
        visibility={
            "gender": 0.95,
            "hair": 0.7,
            "age": 0.4,
            "hat": 0.9,
            "backpack": 0.4,
            "bag": 0.7,
            "handbag": 0.95,
            "up": 0.9,
            "upcolour": 0.6,
            "down": 0.9,
            "downcolour": 0.3,
            "clothes": 0.8,
        },
        # A third of 600 identities then have 0.65 distinct vectors each, like the 484 of the 750 real test identities.
        variety=0.4,
        extras=True,
        rare_values={"downcolour": "yellow", "backpack": "yes"},
        options=WorldOptions(
            legibility=0.87,
            nuisance=0.2,
            private_cues=1.5,
            marks=2,
            train_share=2 / 3,
            images_per_camera=(1, 2),
        ),
    ),
)
