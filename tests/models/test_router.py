import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mosaicreid.attributes import AttributeType
from mosaicreid.datasets import get_dataset, get_schema
from mosaicreid.errors import InputError
from mosaicreid.models.router import Router, label_at_random


@st.composite
def worlds(draw):
    """A schema, an inclusion set of it, and codes (B, A) with no, one or two labels."""
    schema = get_schema(draw(st.sampled_from(["market1501", "dukemtmc"])))
    include = draw(st.sets(st.sampled_from(schema.attributes), min_size=1))
    labels = [st.sets(st.integers(0, len(group.values) - 1), max_size=2) for group in schema.groups]
    rows = draw(st.lists(st.tuples(*labels), min_size=1, max_size=5))
    return schema, include, rows


def encode(rows):
    return torch.tensor([[sum(1 << bit for bit in labels) for labels in row] for row in rows], dtype=torch.int16)


@given(worlds())
def test_an_expert_is_active_exactly_where_its_value_is_annotated(world):
    schema, include, rows = world
    router = Router(schema, include)
    gate = router(encode(rows))
    expected = []
    for row in rows:
        active = set()
        for group, labels in zip(schema.groups, row, strict=True):
            for label in labels if group.name in include else ():
                if group.type is not AttributeType.single_state or group.values[label] == "yes":
                    active.add(f"{group.name}={group.values[label]}")
        expected.append([float(name in active) for name in router.experts])
    assert gate.tolist() == expected
    assert gate.dtype == torch.float32


@given(worlds())
def test_the_first_of_two_labels_leaves_at_most_one_expert_per_attribute(world):
    schema, include, rows = world
    first = [tuple({min(labels)} if labels else set() for labels in row) for row in rows]
    gate = Router(schema, include, two_labels="first")(encode(rows))
    assert torch.equal(gate, Router(schema, include)(encode(first)))


def test_experts_of_all_attributes_are_the_schema_s():
    for dataset in ("market1501", "dukemtmc"):
        schema = get_schema(dataset)
        assert Router(schema, schema.attributes).experts == schema.experts


def test_included_experts_keep_the_schema_s_order():
    router = Router(get_schema("market1501"), ("hat", "gender", "hair"))
    assert router.experts == ("gender=male", "gender=female", "hair=short", "hair=long", "hat=yes")


def test_real_annotation_activates_one_expert_per_dual_or_multiclass_attribute(annotations):
    from mosaicreid.data.annotation import read_annotation

    train = read_annotation(annotations / "market_attribute.mat", get_dataset("market1501"))["train"]
    schema = train.schema
    gate = Router(schema, schema.attributes)(torch.from_numpy(train.codes)).numpy()
    of = np.array([name.partition("=")[0] for name in schema.experts])
    for group in schema.groups:
        active = gate[:, of == group.name].sum(axis=1)
        labelled = train.codes[:, schema.attributes.index(group.name)] != 0
        if group.type is AttributeType.single_state:
            assert active.max() == 1
        else:
            assert (active[labelled] == 1).all()
            assert (active[~labelled] == 0).all()


def test_images_without_annotation_activate_none_or_every_expert():
    schema = get_schema("market1501")
    codes = torch.zeros(2, 12, dtype=torch.int64)
    codes[1, 0] = 1
    assert Router(schema, schema.attributes)(codes).sum(1).tolist() == [0, 1]
    assert Router(schema, schema.attributes, unannotated="every")(codes).sum(1).tolist() == [len(schema.experts), 1]


def test_a_mask_switches_attributes_and_single_experts_off():
    schema = get_schema("market1501")
    router = Router(schema, ("gender", "hat", "upcolour"))
    codes = torch.full((3, 12), -1, dtype=torch.int16)
    gate = router(codes, router.mask(("gender", "upcolour=red")))
    off = {name for name, value in zip(router.experts, gate[0].tolist(), strict=True) if value == 0}
    assert off == {"gender=male", "gender=female", "upcolour=red"}
    assert torch.equal(router(codes, router.mask(())), router(codes))


def test_lent_codes_replace_only_rows_without_a_label():
    codes = torch.tensor([[0, 0], [1, 0], [0, 0]] * 50)
    donors = torch.tensor([[2, 1], [4, 0]])
    lent = label_at_random(codes, donors, torch.Generator().manual_seed(0))
    assert torch.equal(lent[1::3], codes[1::3])
    rest = torch.cat([lent[::3], lent[2::3]])
    assert set(map(tuple, rest.tolist())) == {(2, 1), (4, 0)}
    assert torch.equal(lent, label_at_random(codes, donors, torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("donors", [torch.zeros(0, 2, dtype=torch.int64), torch.tensor([[1, 1], [0, 0]])])
def test_codes_cannot_be_lent_by_nobody(donors):
    with pytest.raises(InputError, match="annotated identities"):
        label_at_random(torch.zeros(1, 2, dtype=torch.int64), donors, torch.Generator())


@pytest.mark.parametrize(
    ("include", "options", "message"),
    [
        ((), {}, "no attribute included"),
        (("hat", "boots"), {}, "unknown attribute of market1501 'boots'; expected one of: gender, hair"),
        (("hat",), {"two_labels": "last"}, "unknown policy for two labels 'last'"),
        (("hat",), {"unannotated": "all"}, "unknown policy for unannotated images 'all'"),
    ],
)
def test_bad_inclusion_sets_and_policies_are_named(include, options, message):
    with pytest.raises(InputError, match=message):
        Router(get_schema("market1501"), include, **options)


@pytest.mark.parametrize("shape", [(3, 10), (12,), (2, 3, 12)])
def test_codes_of_another_dataset_are_refused(shape):
    router = Router(get_schema("market1501"), ("hat",))
    with pytest.raises(InputError, match=r"expected \(images, 12\), the attributes of market1501"):
        router(torch.zeros(shape, dtype=torch.int64))


def test_a_mask_knows_only_included_experts():
    with pytest.raises(InputError, match="unknown attribute or expert 'bag'"):
        Router(get_schema("market1501"), ("hat",)).mask(("bag",))


def test_an_expert_that_is_off_stays_off_where_unannotated_images_have_every_expert():
    schema = get_schema("market1501")
    router = Router(schema, ("gender", "hat"), unannotated="every")
    codes = torch.zeros(2, 12, dtype=torch.int64)
    codes[1, 0] = 2
    assert router(codes, router.mask(("gender",))).tolist() == [[0, 0, 1], [0, 0, 0]]
    assert router(codes, router.mask(("gender=male", "hat"))).tolist() == [[0, 1, 0], [0, 1, 0]]


def test_an_image_with_labels_of_other_attributes_alone_is_annotated():
    router = Router(get_schema("market1501"), ("gender",), unannotated="every")
    codes = torch.zeros(1, 12, dtype=torch.int64)
    codes[0, 5] = 1
    assert router(codes).tolist() == [[0, 0]]


def test_the_first_of_two_labels_is_the_lowest_bit_of_each_attribute_by_itself():
    schema = get_schema("market1501")
    codes = torch.zeros(1, 12, dtype=torch.int64)
    codes[0, schema.attributes.index("upcolour")] = 0b1010
    codes[0, schema.attributes.index("age")] = 0b0110
    router = Router(schema, ("age", "upcolour"), two_labels="first")
    active = [name for name, on in zip(router.experts, router(codes)[0].tolist(), strict=True) if on]
    assert active == ["age=teenager", "upcolour=white"]


def test_codes_are_lent_evenly_and_by_the_generator():
    donors = torch.tensor([[2, 1], [4, 0], [1, 1]])
    lent = label_at_random(torch.zeros(3000, 2, dtype=torch.int64), donors, torch.Generator().manual_seed(0))
    counts = torch.unique(lent, dim=0, return_counts=True)[1]
    assert counts.tolist() == pytest.approx([1000] * 3, abs=110)
    other = label_at_random(torch.zeros(3000, 2, dtype=torch.int64), donors, torch.Generator().manual_seed(1))
    assert not torch.equal(lent, other)
