"""Leakage against image-by-image retrieval with scores that are counted plainly."""

import argparse
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaicreid.analyses.leakage.compute import attribute_agreement, find_candidates, subset_identities, subset_scores
from mosaicreid.analyses.leakage.figures import plot_leakage_published, plot_leakage_shapley
from mosaicreid.analyses.leakage.tables import (
    leakage_published,
    leakage_relation,
    leakage_shapley,
    leakage_summary,
    leakage_table,
)
from mosaicreid.attributes import Annotation
from mosaicreid.commands import leakage as command
from mosaicreid.data.annotation import read_annotation
from mosaicreid.data.folders import Images, read_file_list
from mosaicreid.datasets import get_dataset, get_schema
from mosaicreid.errors import InputError
from mosaicreid.published import load_table
from mosaicreid.results import read_results
from mosaicreid.retrieval.metrics import evaluate_scores
from mosaicreid.statistics.shapley import subsets

DATASETS = ("market1501", "dukemtmc")


def images(pids, camids):
    pids, camids = np.asarray(pids), np.asarray(camids)
    return Images(tuple(f"{index}.jpg" for index in range(len(pids))), pids, camids)


def world(seed, dataset="dukemtmc", num_people=8):
    """People with random codes, unlabelled and two-coloured ones included, and images of them, strangers and junk."""
    rng = np.random.default_rng(seed)
    schema = get_schema(dataset)
    codes = np.zeros((num_people, len(schema.groups)), dtype=np.int16)
    for column, group in enumerate(schema.groups):
        for _ in range(2):
            # Few values each, so that people do agree.
            codes[:, column] |= (1 << rng.integers(min(len(group.values), 3), size=num_people)).astype(np.int16)
            codes[rng.random(num_people) < 0.3, column] = 0
    annotation = Annotation(schema, "test", np.arange(1, num_people + 1), codes)
    query = images(rng.integers(1, num_people // 2 + 1, 10), rng.integers(1, 4, 10))
    gallery = images(rng.integers(-1, num_people + 1, 60), rng.integers(1, 4, 60))
    return query, gallery, annotation


def agree_plainly(schema, left, right):
    """Agreement of two codes (A,), attribute by attribute, from value names."""
    result = []
    for group, one, other in zip(schema.groups, left, right, strict=True):
        active = [
            {value for bit, value in enumerate(group.values) if code >> bit & 1 and value in group.expert_values}
            for code in (one, other)
        ]
        result.append(bool(active[0] & active[1]) or active == [set(), set()])
    return result


def evaluate_by_image(query, gallery, annotation, members):
    """Retrieval by counted agreements; expands identities to images block by block."""
    people, person = np.unique(np.concatenate([query.pids, gallery.pids]), return_inverse=True)
    codes = annotation.lookup(people)
    plain = np.array([[agree_plainly(annotation.schema, one, other) for other in codes] for one in codes])
    counted = torch.from_numpy((plain & members.astype(bool)).sum(axis=2))
    of_query, of_gallery = (torch.from_numpy(part) for part in np.split(person, [len(query)]))
    return evaluate_scores(
        lambda rows: counted[of_query[rows]][:, of_gallery], query.pids, query.camids, gallery.pids, gallery.camids
    )


def test_agreement_of_every_kind():
    schema = get_schema("market1501")
    codes = {name: np.zeros(12, dtype=np.int16) for name in ("nobody", "person", "other")}
    backpack, up, colour = (schema.attributes.index(name) for name in ("backpack", "up", "upcolour"))
    codes["person"][[backpack, up, colour]] = 0b01, 0b01, 0b011
    codes["other"][[backpack, up, colour]] = 0b10, 0b10, 0b010
    with_nobody = attribute_agreement(schema, codes["person"], codes["nobody"])
    # No backpack and no label both leave the expert idle; a sleeve or a colour activates one.
    assert with_nobody[[backpack, up, colour]].tolist() == [True, False, False]
    with_other = attribute_agreement(schema, codes["person"], codes["other"])
    assert with_other[[backpack, up, colour]].tolist() == [False, False, True]
    assert attribute_agreement(schema, codes["person"], codes["person"]).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), dataset=st.sampled_from(DATASETS), data=st.data())
def test_equals_image_level_retrieval(seed, dataset, data):
    query, gallery, annotation = world(seed, dataset)
    # Somebody can be found, whatever was drawn.
    gallery = images(np.append(gallery.pids, query.pids[0]), np.append(gallery.camids, query.camids[0] + 1))
    candidates = find_candidates(query, gallery, annotation)
    scores = subset_scores(candidates)
    num_attributes = len(annotation.schema.groups)
    subset = data.draw(st.integers(0, 2**num_attributes - 1))
    members = subsets(num_attributes)[subset]
    known = gallery.where(np.isin(gallery.pids, query.pids))
    for suffix, among in (("", gallery), ("_no_distractors", known)):
        expected = evaluate_by_image(query, among, annotation, members)
        assert scores[f"mAP{suffix}"][subset] == pytest.approx(100 * expected.mAP)
        assert scores[f"rank1{suffix}"][subset] == pytest.approx(100 * expected.cmc[1])
        assert len(expected.unmatched) == candidates.unmatched


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_identities_equal_a_grouping_of_the_table(seed):
    _, _, annotation = world(seed, num_people=12)
    table = subset_identities(annotation)
    subset = seed % 1024
    members = subsets(10)[subset].astype(bool)
    frame = annotation.table().mask(lambda frame: frame == "no", "")
    # A label of both yes and no drives the same expert as yes.
    frame = frame.mask(lambda frame: frame == "no+yes", "yes")
    keys = ["/".join(row) for row in frame.loc[:, members].to_numpy()]
    counts = pd.Series(keys).value_counts().to_numpy()
    assert table["distinct_vectors"][subset] == len(counts)
    assert table["shared_identities"][subset] == counts[counts > 1].sum()
    # H(identity | vector) = H(identity) - H(vector), because the identity determines the vector.
    share = counts / 12
    assert table["entropy_bits"][subset] == pytest.approx(np.log2(12) + (share * np.log2(share)).sum(), abs=1e-12)


@pytest.fixture(scope="module")
def real(annotations):
    """Both datasets: file list, test annotation, candidates and table."""
    result = {}
    for dataset in DATASETS:
        folders = read_file_list(annotations / f"{dataset}.files.txt.gz", get_dataset(dataset))
        annotation = read_annotation(annotations / get_dataset(dataset).annotation.file_name, get_dataset(dataset))[
            "test"
        ]
        candidates = find_candidates(folders["query"], folders["gallery"], annotation)
        result[dataset] = folders, annotation, candidates, leakage_table(candidates, annotation)
    return result


@pytest.mark.parametrize("dataset", DATASETS)
def test_real_datasets_equal_image_level_retrieval(real, dataset):
    folders, annotation, candidates, table = real[dataset]
    query, gallery = folders["query"], folders["gallery"]
    assert len(candidates.matches) == len(query)
    known = gallery.where(np.isin(gallery.pids, query.pids))
    people, person = np.unique(query.pids, return_inverse=True)
    rng = np.random.default_rng(0)
    for subset in (0, len(table) - 1, *rng.integers(len(table), size=2)):
        members = subsets(len(annotation.schema.groups))[subset].astype(bool)
        for suffix, among in (("", gallery), ("_no_distractors", known)):
            strangers, stranger = np.unique(among.pids, return_inverse=True)
            codes = annotation.lookup(people)[:, None], annotation.lookup(strangers)
            counted = torch.from_numpy(
                (attribute_agreement(annotation.schema, *codes) & members).sum(axis=2, dtype=np.int16)
            )
            rows, columns = torch.from_numpy(person), torch.from_numpy(stranger)
            expected = evaluate_scores(
                lambda block, counted=counted, rows=rows, columns=columns: counted[rows[block]][:, columns],
                *(query.pids, query.camids, among.pids, among.camids),
            )
            assert table[f"mAP{suffix}"][subset] == pytest.approx(100 * expected.mAP, abs=1e-9)
            assert table[f"rank1{suffix}"][subset] == pytest.approx(100 * expected.cmc[1], abs=1e-9)


def test_real_identities_and_distractors(real):
    _, annotation, _, table = real["market1501"]
    vectors = annotation.table().replace("no", "").value_counts()
    assert table["distinct_vectors"].iloc[-1] == len(vectors)
    assert table["shared_identities"].iloc[-1] == vectors[vectors > 1].sum()
    assert table["entropy_bits"].iloc[0] == pytest.approx(np.log2(750))
    # Everybody in Market-1501 has a sleeve length and distractors have none, so knowing it alone removes them all.
    sleeve = table.iloc[1 << annotation.schema.attributes.index("up")]
    assert sleeve["mAP"] == sleeve["mAP_no_distractors"]
    assert table["mAP"].iloc[0] < table["mAP_no_distractors"].iloc[0]


@pytest.mark.parametrize("dataset", DATASETS)
def test_tables_add_up(real, dataset):
    _, annotation, candidates, table = real[dataset]
    schema = annotation.schema
    shapley = leakage_shapley(table, schema)
    assert shapley["mAP"].sum() == pytest.approx(table["mAP"].iloc[-1] - table["mAP"].iloc[0])
    assert shapley["attribute"].tolist() == list(schema.attributes)
    published = leakage_published(table, schema).set_index("configuration")
    assert published["known_bits"]["baseline"] == 0
    assert published["leakage_mAP"]["all"] == table["mAP"].iloc[-1]
    # One row looked up by its attributes' names.
    extrinsic = load_table(3, dataset).set_index("configuration")
    name = "upper"
    row = table[
        (table[list(schema.attributes)] == extrinsic.loc[name, list(schema.attributes)].astype(int)).all(axis=1)
    ]
    assert published["leakage_mAP"][name] == row["mAP"].item()
    summary = leakage_summary(table, candidates, schema).set_index("distractors")
    assert summary["mAP"]["kept"] == table["mAP"].iloc[-1]
    assert summary["chance_mAP"]["removed"] == table["mAP_no_distractors"].iloc[0]
    relation = leakage_relation(published.reset_index(), shapley).iloc[0]
    assert relation["gain"] == pytest.approx({"market1501": 5.9, "dukemtmc": 3.1}[dataset])
    assert relation["r_bits"] == pytest.approx(np.corrcoef(published["known_bits"], published["mAP"])[0, 1])
    ranks = shapley[["mAP", "glm_mAP"]].rank()
    assert relation["rho_glm"] == pytest.approx(np.corrcoef(ranks["mAP"], ranks["glm_mAP"])[0, 1])


def test_summary_counts_rivals_image_by_image():
    # Person 1 and person 2 look alike, person 3 does not; nobody has an annotation of identity 0.
    schema = get_schema("market1501")
    codes = np.ones((3, 12), dtype=np.int16)
    codes[2, 0] = 0b10
    annotation = Annotation(schema, "test", np.array([1, 2, 3]), codes)
    # Query 1 competes with six images, of which two are its matches and two rivals; query 2 with seven, two and three.
    query = images([1, 2], [1, 3])
    gallery = images([1, 1, 1, 2, 2, 3, 0, -1], [1, 2, 2, 1, 1, 1, 1, 1])
    candidates = find_candidates(query, gallery, annotation)
    summary = leakage_summary(leakage_table(candidates, annotation), candidates, schema).set_index("distractors")
    assert summary["rivals"].to_dict() == {"kept": 2.5, "removed": 2.5}
    assert summary["excluded"].to_dict() == pytest.approx({"kept": (2 / 4 + 2 / 5) / 2, "removed": 0})
    assert summary["rank1"]["kept"] == pytest.approx(100 * (2 / 4 + 2 / 5) / 2)
    precision = [np.mean([(1 / a + 2 / b) / 2 for a, b in combinations(range(1, size + 1), 2)]) for size in (4, 5)]
    assert summary["mAP"]["kept"] == pytest.approx(100 * np.mean(precision))
    assert summary["shared_identities"]["kept"] == 2


def test_command_writes_tables_and_figures_and_draws_them_anew(annotations, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    arguments = parser.parse_args(["leakage", "--annotations", str(annotations), "--results", str(tmp_path)])
    arguments.run(arguments)
    written = {file.relative_to(tmp_path).as_posix(): file.read_bytes() for file in tmp_path.rglob("*.*")}
    for name in ("subsets_market1501", "subsets_dukemtmc", "shapley", "summary", "published", "relation"):
        assert len(written[f"leakage_{name}.csv"]) < 300_000
        assert "_attribute.mat" in written[f"leakage_{name}.json"].decode()
    assert len(read_results(tmp_path / "leakage_subsets_market1501.csv")) == 4096
    assert len(read_results(tmp_path / "leakage_subsets_dukemtmc.csv")) == 1024
    arguments = parser.parse_args(["leakage", "--results", str(tmp_path)])
    arguments.run(arguments)
    assert {file.relative_to(tmp_path).as_posix(): file.read_bytes() for file in tmp_path.rglob("*.*")} == written
    assert "leakage-shapley.svg" in capsys.readouterr().out


def test_figures_show_every_row(real):
    shapley, published = [], []
    for dataset in DATASETS:
        _, annotation, _, table = real[dataset]
        shapley.append(leakage_shapley(table, annotation.schema))
        published.append(leakage_published(table, annotation.schema))
    bars = plot_leakage_shapley(pd.concat(shapley))
    assert sorted(len(axes.patches) for axes in bars.axes) == [10, 10, 12, 12]
    # Every published coefficient has its interval.
    assert sorted(len(lines.get_segments()) for axes in bars.axes for lines in axes.collections) == [10, 12]
    points = plot_leakage_published(pd.concat(published))
    assert sorted(len(axes.collections[0].get_offsets()) for axes in points.axes[:2]) == [20, 25]


def test_bad_input_gives_one_clear_line():
    query, gallery, annotation = world(1)
    with pytest.raises(InputError, match=r"1 query identities have no annotation, 99 the first; .*another dataset"):
        find_candidates(images([1, 99], [1, 1]), gallery, annotation)
    with pytest.raises(InputError, match="none of the 10 queries has a match"):
        find_candidates(query, images([0, 0], [1, 2]), annotation)
