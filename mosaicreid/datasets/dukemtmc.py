"""DukeMTMC-reID (Zheng et al., 2017) with the attributes of Lin et al. (2019)."""

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

DUKEMTMC = FolderDataset(
    name="dukemtmc",
    title="DukeMTMC",
    world_title="Duke-like world",
    # Attributes in the column order of Table 3, values in the order of the annotation's codes.
    schema=Schema(
        "dukemtmc",
        (
            single_state("backpack", "accessories", "Backpack"),
            single_state("bag", "accessories", "Bag"),
            single_state("handbag", "accessories", "Handbag"),
            single_state("hat", "accessories", "Hat"),
            single_state("boots", "lower", "Boots"),
            dual_state("shoecolour", ("dark", "light"), "lower", "Shoe colour"),
            # The length of the garment; Market-1501's `up`, in the same row of Table 1, is the sleeve's.
            dual_state("top", ("short", "long"), "upper", "Length of upper garment"),
            dual_state("gender", ("male", "female"), "intrinsic", "Gender"),
            multiclass("downcolour", "black white red gray blue green brown", "lower", "Colour of lower garment"),
            multiclass("upcolour", "black white red purple gray blue green brown", "upper", "Colour of upper garment"),
        ),
        # Table 3 pairs these two; Table 1 has no such supercategory.
        unions={"footwear": ("boots", "shoecolour")},
    ),
    images=ImageNames(
        pattern=re.compile(r"(\d{4})_c([1-8])_f\d{7}\.jpg", re.ASCII),
        example="0001_c2_f0046182.jpg",
        template="{who}_c{camid}_f{index:07d}.jpg",
    ),
    cameras=8,
    counts={"train": Counts(16522, 702), "query": Counts(2228, 702), "gallery": Counts(17661, 1110)},
    annotation=AnnotationLayout(
        file_name="duke_attribute.mat",
        order={
            "train": (
                "backpack bag handbag boots gender hat shoes top"
                " downblack downwhite downred downgray downblue downgreen downbrown"
                " upblack upwhite upred uppurple upgray upblue upgreen upbrown"
            ),
            "test": (
                "boots shoes top gender hat backpack bag handbag"
                " downblack downwhite downred downgray downblue downgreen downbrown"
                " upblack upwhite upred upgray upblue upgreen uppurple upbrown"
            ),
        },
        per_value={"upcolour": "up", "downcolour": "down"},
        renamed={"shoecolour": "shoes"},
    ),
    source=Source(
        page="https://github.com/vana77/DukeMTMC-attribute",
        url="https://raw.githubusercontent.com/vana77/DukeMTMC-attribute/master/duke_attribute.mat",
        sha256="06b9833be1c6339362ccf2112a8cf885c7c64db8f038da9e12896f86bec51e8c",
    ),
    # Priors are the shares of the real identities with one label, training and test together. Visibilities are spread
    # so that the order of knowledge gains is clear-cut.
    synthetic=SyntheticPriors(
        priors={
            "backpack": (0.341, 0.659),
            "bag": (0.831, 0.169),
            "handbag": (0.964, 0.036),
            "hat": (0.829, 0.171),
            "boots": (0.732, 0.268),
            "shoecolour": (0.865, 0.135),
            "top": (0.877, 0.123),
            "gender": (0.569, 0.431),
            "downcolour": (0.462, 0.078, 0.017, 0.093, 0.3, 0.004, 0.046),
            "upcolour": (0.61, 0.076, 0.054, 0.009, 0.121, 0.094, 0.017, 0.019),
        },
        visibility={
            "backpack": 0.6,
            "bag": 0.9,
            "handbag": 0.9,
            "hat": 0.95,
            "boots": 0.6,
            "shoecolour": 0.9,
            "top": 0.9,
            "gender": 0.3,
            "downcolour": 0.35,
            "upcolour": 0.75,
        },
        # A third of 600 identities then have 0.35 distinct vectors each, like the 387 of the 1,110 real test people.
        variety=0.155,
        extras=False,
        rare_values={"upcolour": "red", "boots": "yes"},
        # Of the 1,110 real test identities, 408 are in no query.
        options=WorldOptions(
            legibility=0.82,
            nuisance=0.35,
            private_cues=1.0,
            marks=2,
            train_share=2 / 3,
            images_per_camera=(1, 2),
            distractor_identities=0.37,
        ),
    ),
)
