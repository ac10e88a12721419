"""The report's figures and contact sheets: valid files, the same bytes twice, the right pixels, nothing overlapping."""

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFont

from pruning_workflow.evaluation.retraining import TIMED
from pruning_workflow.names import Arm, Part
from pruning_workflow.report import arm_label, figures, method_label, scores_label
from pruning_workflow.report.agreement import plot_agreement
from pruning_workflow.report.contact_sheets import (
    FONTS,
    caption,
    choose_samples,
    draw_contact_sheet,
    resize_whole,
    shorten,
    three_digits,
)
from pruning_workflow.report.distributions import count_scores, plot_against_truth, plot_distributions
from pruning_workflow.report.figures import group_arms, plot_accuracy, plot_stages
from pruning_workflow.report.style import FAMILY_LOOKS, LABEL_SIZE, arm_styles, drawing, label_points, legend_keys

# A file that another test left open is closed whenever it is collected.
pytestmark = pytest.mark.filterwarnings("error", "ignore::ResourceWarning")

KNN, FULL = "top/du/knn-10/fraction-20", "top/du/computed/fraction-100"


def make_runs(arms=(KNN, FULL, "random"), rates=(0.2, 0.8), seeds=3):
    random = np.random.default_rng(0)
    rows = []
    for arm, rate in [*((arm, rate) for arm in arms for rate in rates), ("random", 0.0)]:
        for seed in range(seeds):
            times = {f"{stage}_s": random.uniform(1, 9) for stage in TIMED}
            accuracy = random.uniform(0.8, 0.9)
            row = {"arm": arm, "rate": rate, "seed": seed, "test_accuracy": accuracy, **times}
            rows.append({**row, "total_s": sum(times.values())})
    return pd.DataFrame(rows)


def make_agreement(extrapolators=("knn-5", "knn-10", "gnn-10", "held_out"), fractions=("20", "40"), seeds=2):
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {"score": "du", "extrapolator": e, "fraction": f, "seed": seed, "part": part, "n": 9}
        | {"pearson": random.uniform(-1, 1), "spearman": random.uniform(-1, 1)}
        for f in fractions
        for e in extrapolators
        for seed in range(seeds)
        for part in ("residual", "subset", "all")
    )


def make_ceiling(seeds=2):
    pairs = [
        {"score": "du", "seed": 0, "other_seed": s, "n": 9, "pearson": 0.8, "spearman": 0.81} for s in range(1, seeds)
    ]
    return pd.DataFrame(pairs, columns=["score", "seed", "other_seed", "n", "pearson", "spearman"])


def texts(path):
    """Return the words in an SVG: matplotlib draws letters as outlines and says in a comment what they spell."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    tree = ElementTree.parse(path, parser)
    assert tree.getroot().tag == "{http://www.w3.org/2000/svg}svg"
    return {node.text.strip() for node in tree.iter(ElementTree.Comment)}


STUDY_FIGURES = {
    "accuracy": lambda path: plot_accuracy(make_runs(), path),
    "stages": lambda path: plot_stages(make_runs(), path),
    "agreement": lambda path: plot_agreement(make_agreement(), make_ceiling(), path),
    "distributions": lambda path: plot_distributions(count_scores({"a": np.arange(9.0), "b": np.ones(3)}), "t", path),
}


@pytest.mark.parametrize("name", STUDY_FIGURES)
def test_an_svg_is_the_same_file_twice(name, tmp_path):
    for folder in ("one", "two"):
        STUDY_FIGURES[name](tmp_path / folder / "figure.svg")
    assert texts(tmp_path / "one" / "figure.svg")
    assert (tmp_path / "one" / "figure.svg").read_bytes() == (tmp_path / "two" / "figure.svg").read_bytes()
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["figure.svg"]  # no .partial


def test_a_png_is_the_same_file_twice(tmp_path):
    random = np.random.default_rng(0)
    for n in (50, 5000):
        files = [tmp_path / f"{n}-{i}.png" for i in range(2)]
        a, b = random.normal(size=(2, n))
        for file in files:
            plot_against_truth(a, b, "title", file)
        assert files[0].read_bytes() == files[1].read_bytes()
        with Image.open(files[0]) as image:
            assert image.format == "PNG"
            assert len(set(image.convert("L").get_flattened_data())) > 10


def test_a_failed_drawing_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError), drawing(tmp_path / "figure.svg", 3, 3):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------- the study


def test_accuracy_names_every_arm_and_the_reference(tmp_path):
    plot_accuracy(make_runs(), tmp_path / "a.svg")
    expected = {"no pruning", "random", "full data", "KNN k=10", "DU, 20 % subset", "20", "80"}
    assert expected <= texts(tmp_path / "a.svg")
    assert any("mean ± s.e. of 3 seeds" in text for text in texts(tmp_path / "a.svg"))


def test_below_accuracy_is_its_difference_from_random_where_there_is_random_pruning(tmp_path):
    for arms, expected in (((KNN, FULL, "random"), True), ((KNN, FULL), False)):
        plot_accuracy(make_runs(arms=arms), tmp_path / "a.svg")
        assert ("Better than random (points)" in texts(tmp_path / "a.svg")) == expected


def test_the_difference_from_random_is_paired_by_seed(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(figures, "paired_interval", lambda x: given.append(sorted(x.round(9))) or (0.0, 0.0, 0.0))
    runs = make_runs(arms=(KNN, "random"), rates=(0.5,))
    better = {0: 0.01, 1: 0.02, 2: -0.01}
    accuracy = runs[runs["arm"] == "random"].set_index(["rate", "seed"])["test_accuracy"]
    of_knn = runs["arm"] == KNN
    runs.loc[of_knn, "test_accuracy"] = [accuracy[0.5, seed] + better[seed] for seed in runs.loc[of_knn, "seed"]]
    plot_accuracy(runs.sample(frac=1, random_state=0), tmp_path / "a.svg")
    assert given == [[-1, 1, 2]]


def test_each_budget_has_panels_of_its_own(tmp_path):
    runs = pd.concat([make_runs().assign(budget=budget) for budget in ("steps", "epochs")])
    titles = [f"DU, 20 % subset\nas many {budget} as without pruning" for budget in ("epochs", "steps")]
    assert list(figures.group_panels(runs)) == titles
    assert list(figures.group_panels(runs[runs["budget"] == "steps"])) == titles[1:]
    assert list(figures.group_panels(runs[runs["budget"] == "epochs"])) == ["DU, 20 % subset"]
    plot_accuracy(runs, tmp_path / "a.svg")
    assert "as many steps as without pruning" in texts(tmp_path / "a.svg")


def test_one_seed_and_no_truth_and_one_rate_will_do(tmp_path):
    plot_accuracy(make_runs(arms=[KNN, "random"], rates=[0.5], seeds=1), tmp_path / "a.svg")
    found = texts(tmp_path / "a.svg")
    assert "no pruning" in found
    assert not any("full data" in text or "s.d." in text for text in found)


def test_a_study_of_random_pruning_alone_has_one_panel(tmp_path):
    plot_accuracy(make_runs(arms=["random"]), tmp_path / "a.svg")
    assert {"random", "no pruning"} <= texts(tmp_path / "a.svg")


def test_stages_are_drawn_to_scale_and_unused_ones_left_out(tmp_path):
    runs = make_runs(arms=["random"], rates=[0.5])
    runs.loc[:, ["training_s", "neighbors_s"]] = 0.0
    plot_stages(runs, tmp_path / "s.svg")
    found = texts(tmp_path / "s.svg")
    assert {"retraining", "samples", "no pruning", "random, 50 % pruned"} <= found
    assert not {"training", "neighbors"} & found


def test_each_budget_has_bars_of_its_own(tmp_path):
    runs = make_runs(arms=["random"], rates=[0.5])
    longer = runs[runs["rate"] > 0].assign(budget="steps", retraining_s=100.0)
    plot_stages(pd.concat([runs.assign(budget="epochs"), longer]), tmp_path / "s.svg")
    assert {"no pruning", "random, 50 % pruned (epochs)", "random, 50 % pruned (steps)"} <= texts(tmp_path / "s.svg")


def test_many_bars_are_reduced_to_the_highest_rate(tmp_path):
    rates = [i / 100 for i in range(1, 40)]
    plot_stages(make_runs(arms=["random", KNN], rates=rates), tmp_path / "s.svg")
    pruned = {text for text in texts(tmp_path / "s.svg") if text.endswith("pruned")}
    assert pruned == {"random, 39 % pruned", "DU, KNN k=10, 20 % subset, 39 % pruned"}


def test_agreement_has_a_panel_per_subset_with_k_in_order(tmp_path):
    plot_agreement(make_agreement(extrapolators=("knn-100", "knn-5", "knn-20")), make_ceiling(), tmp_path / "a.svg")
    assert {"DU, 20 % subset", "DU, 40 % subset"} <= texts(tmp_path / "a.svg")
    source = (tmp_path / "a.svg").read_text()
    assert source.index("k=5 ") < source.index("k=20 ") < source.index("k=100 ")


def test_extrapolators_that_differ_in_more_than_k_are_lines_of_their_own(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(figures.sns, "lineplot", lambda x, **_: lines.append(len(set(x))))
    extrapolators = ("knn-100", "knn-5", "knn-20-same_label", "knn-5-same_label", "held_out", "gnn-10-no_labels")
    plot_agreement(make_agreement(extrapolators=extrapolators), make_ceiling(), tmp_path / "a.svg")
    assert sorted(lines) == sorted(2 * 2 * [1, 1, 2, 2])  # two panels of two statistics
    source = (tmp_path / "a.svg").read_text()
    order = ["GNN ", "held", "k=5 ", "k=100 ", "k=20 "]
    assert [source.index(word) for word in order] == sorted(source.index(word) for word in order)


def test_the_truth_of_another_seed_is_drawn_where_there_is_one(tmp_path):
    for seeds in (1, 2):
        plot_agreement(make_agreement(), make_ceiling(seeds), tmp_path / "a.svg")
        assert any("another seed" in text for text in texts(tmp_path / "a.svg")) == (seeds == 2)


def test_each_panel_compares_with_the_truth_and_the_baselines():
    other = "top/du/knn-10/fraction-40"
    tdds = "ccs/tdds/gnn-10/fraction-20"
    balanced, balanced_full = (arm.replace("top", "class_balanced") for arm in (KNN, FULL))
    assert group_arms([KNN, other, tdds, FULL, "random", KNN, balanced, balanced_full]) == {
        "DU, 20 % subset": [KNN, FULL, "random"],
        "DU, 40 % subset": [other, FULL, "random"],
        "TDDS, 20 % subset, CCS": [tdds, "random"],
        "DU, 20 % subset, class balanced": ["random", balanced, balanced_full],
    }


def test_what_needs_no_training_is_compared_with_in_every_panel_where_it_is_known():
    ssp, own, other = (
        f"top/ssp/{where}" for where in ("pretrained/fraction-0", "subset/fraction-20", "subset/fraction-40")
    )
    stratified, ccs = f"{KNN}-stratified", KNN.replace("top", "ccs")
    assert group_arms([KNN, ssp, own, other, stratified, ccs, "rs2"]) == {
        "DU, 20 % subset": [KNN, ssp, own, "rs2"],
        "DU, 20 % stratified subset": [ssp, stratified, "rs2"],
        "DU, 20 % subset, CCS": [ssp, own, ccs, "rs2"],
    }
    # Where it is selected in the panel's way too, that is the one to compare with.
    panels = group_arms([KNN, ccs, ssp, ssp.replace("top", "ccs")])
    assert panels["DU, 20 % subset"] == [KNN, ssp]
    assert panels["DU, 20 % subset, CCS"] == [ccs, ssp.replace("top", "ccs")]


def test_without_extrapolation_each_score_has_its_panel():
    other = FULL.replace("du", "tdds")
    assert group_arms([FULL, other, "random"]) == {
        "DU, full data": [FULL, "random"],
        "TDDS, full data": [other, "random"],
    }


# ----------------------------------------------------------------------- style


def test_an_arm_looks_the_same_whatever_the_order_of_the_rows():
    arms = [KNN, FULL, "random", "ssp"]
    assert arm_styles(arms) == arm_styles([*reversed(arms), KNN])
    assert arm_styles(["random"])["random"] == arm_styles(arms)["random"]


def test_the_same_scores_look_the_same_however_they_are_selected_by():
    others = ["class_balanced/du/knn-10/fraction-20", "top/du/knn-10/fraction-40"]
    styles = arm_styles([KNN, FULL, "random", *others])
    assert all(styles[arm] == styles[KNN] for arm in others)
    assert styles[KNN] == arm_styles([KNN.replace("du", "tdds")])[KNN.replace("du", "tdds")]
    assert [key.get_label() for key in legend_keys(styles)] == ["full data", "KNN k=10", "random"]


def test_a_family_has_its_colour_in_every_experiment():
    arms = {
        "computed": FULL,
        "knn": KNN,
        "gnn": "top/du/gnn-10/fraction-20",
        "held_out": "top/du/held_out-10-step_up/fraction-20",
        "ssp": "top/ssp/pretrained/fraction-0",
        "zcoreset": "top/zcoreset/pretrained/fraction-0",
        "random": "random",
        "rs2": "rs2",
    }
    together = arm_styles([*arms.values(), "top/du/mine/fraction-20", "top/du/auto/fraction-20"])
    looks = {(look["color"], look["marker"]) for look in together.values()}
    assert len({color for color, _ in looks}) == len({marker for _, marker in looks}) == len(together)
    for family, arm in arms.items():
        alone = arm_styles([arm, "top/du/another/fraction-20"])
        assert alone[arm]["color"] == together[arm]["color"] == FAMILY_LOOKS[family][0]
    # Another k or option of the family keeps its colour, and has another marker and line.
    more = arm_styles([KNN, "top/du/knn-50/fraction-20", "top/du/knn-10-same_label/fraction-20"]).values()
    assert len({look["color"] for look in more}) == 1
    assert len({look["marker"] for look in more}) == len({look["linestyle"] for look in more}) == 3


def test_forty_arms_all_look_different():
    arms = [f"top/du/knn-{k}/fraction-20" for k in range(40)] + ["random", "ssp", "zcoreset"]
    looks = {(style["color"], style["marker"], style["linestyle"]) for style in arm_styles(arms).values()}
    assert len(looks) == len(arms)


def test_names_for_people():
    assert [method_label(name) for name in ("du", "knn-10", "knn-10-uniform-same_label", "held_out", "computed")] == [
        "DU",
        "KNN k=10",
        "KNN k=10 uniform same label",
        "held out",
        "full data",
    ]
    assert (method_label("auto"), method_label("gnn-10-step_up")) == ("auto", "GNN k=10 step up")
    assert arm_label(Arm.parse("random")) == "random"
    assert arm_label(Arm.parse(KNN)) == "DU, KNN k=10, 20 % subset"
    assert arm_label(Arm.parse(FULL)) == "DU, full data"
    assert arm_label(Arm.parse("ccs/tdds/gnn-10/fraction-2.5")) == "CCS: TDDS, GNN k=10, 2.5 % subset"
    assert scores_label("du", "knn-10", Part("20"), "3") == "DU, KNN k=10, 20 % subset, seed 3"
    assert scores_label("du", "knn-10", Part("20", sampler="zcoreset")) == "DU, KNN k=10, 20 % ZCoreSet subset"
    assert arm_label(Arm.parse("top/ssp/pretrained/fraction-0")) == "SSP, pretrained embeddings"
    assert arm_label(Arm.parse("top/zcoreset/subset/fraction-20-stratified")) == (
        "ZCoreSet, embeddings of the 20 % stratified subset"
    )


def test_labels_lie_inside_and_cover_neither_each_other_nor_points(tmp_path):
    points = np.array([[0.5, 0.5], [0.51, 0.5], [0.5, 0.52], [1, 1], [0, 0], [0.52, 0.53]])
    with drawing(tmp_path / "l.svg", 5, 4) as figure:
        axes = figure.subplots()
        axes.plot(*points.T, "o")
        axes.set(xlim=(0, 1), ylim=(0, 1))
        figure.draw_without_rendering()
        label_points(axes, points, ["10 %", "20 %", "30 %", "40 %", "50 %", ""], ["black"] * 6)
        to_print = 72 / figure.dpi
        places = axes.transData.transform(points) * to_print
        centres = [axes.transData.transform(t.xy) * to_print + t.xyann for t in axes.texts]
        box = axes.bbox.get_points() * to_print
    assert {t.get_text() for t in axes.texts} >= {"10 %", "40 %", "50 %"}
    for i, centre in enumerate(centres):
        assert (centre - LABEL_SIZE / 2 >= box[0]).all() and (centre + LABEL_SIZE / 2 <= box[1]).all()
        assert all((abs(centre - other) > LABEL_SIZE).any() for other in centres[:i])
        assert all((abs(centre - place) > LABEL_SIZE / 2).any() for place in places)


# --------------------------------------------------------------- distributions


def test_counts_share_their_bins_and_lose_no_score():
    counts = count_scores({"a": np.array([0.0, 0.1, 4.0]), "b": np.array([2.0])}, n_bins=4)
    assert counts["bin_start"].tolist() == [0, 1, 2, 3]
    assert counts["bin_stop"].tolist() == [1, 2, 3, 4]
    assert counts["a"].tolist() == [2, 0, 0, 1]
    assert counts["b"].tolist() == [0, 0, 1, 0]


def test_distributions_without_truth_have_two_groups(tmp_path):
    groups = {"computed on the subset": np.arange(3.0), "extrapolated": np.arange(1200.0)}
    plot_distributions(count_scores(groups), "title", tmp_path / "d.svg")
    found = texts(tmp_path / "d.svg")
    assert {"computed on the subset (n = 3)", "extrapolated (n = 1,200)", "title"} <= found
    assert not any("true" in text for text in found)


def test_few_scores_are_points_and_many_are_hexagons_that_count_them_all(tmp_path):
    few = plot_against_truth(np.array([1.0, 2, 3]), np.array([4.0, 5, 7]), "t", tmp_path / "few.png")
    assert few.to_dict("list") == {"truth": [4, 5, 7], "extrapolated": [1, 2, 3], "count": [1, 1, 1]}
    random = np.random.default_rng(0)
    many = plot_against_truth(*random.normal(size=(2, 5000)), "t", tmp_path / "many.png")
    assert many["count"].sum() == 5000
    assert many["count"].min() >= 1 and len(many) < 2500


def test_constant_scores_can_be_drawn(tmp_path):
    plot_against_truth(np.ones(5), np.ones(5), "t", tmp_path / "a.png")
    plot_distributions(count_scores({"a": np.ones(5)}), "t", tmp_path / "d.svg")
    assert (tmp_path / "a.png").stat().st_size > 1000 and "a (n = 5)" in texts(tmp_path / "d.svg")


# -------------------------------------------------------------- contact sheets


def test_the_ends_of_the_score_by_hand():
    scores = pd.DataFrame(
        {"sample_id": [9, 3, 5, 4, 1], "score": [0.5, 0.9, 0.1, 0.9, 0.1], "truth": [0.5, 0.0, 0.4, 0.6, 0.0]}
    )
    chosen = choose_samples(scores, n=2).groupby("sheet", sort=False)["sample_id"].apply(list).to_dict()
    # Equal scores in the order of sample_id; 9 is neither over- nor underestimated.
    assert chosen == {"highest": [3, 4], "lowest": [1, 5], "overestimated": [3, 4], "underestimated": [5]}
    assert choose_samples(scores, n=2)["place"].tolist() == [1, 2, 1, 2, 1, 2, 1]


def test_without_truth_there_are_two_sheets_of_what_there_is():
    chosen = choose_samples(pd.DataFrame({"sample_id": [2, 1], "score": [0.2, 0.1]}), n=40)
    assert chosen["sheet"].tolist() == ["highest", "highest", "lowest", "lowest"]
    assert chosen["sample_id"].tolist() == [2, 1, 1, 2]
    assert chosen["place"].tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize("size, expected", [((8, 8), (128, 128)), ((28, 20), (80, 112)), ((100, 90), (90, 100))])
def test_small_images_grow_by_whole_factors(size, expected):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    resized = resize_whole(image)
    assert resized.size == expected
    factor = expected[0] // size[1]
    assert (np.asarray(resized) == image.repeat(factor, 0).repeat(factor, 1)).all()


def test_large_images_shrink_by_whole_factors():
    image = np.full((500, 300, 1), 7, np.uint8)
    resized = resize_whole(image)
    assert resized.size == (100, 167) and resized.mode == "L"
    assert (np.asarray(resized) == 7).all()


def test_a_sheet_shows_each_image_in_its_place(tmp_path):
    images = np.zeros((12, 8, 8, 1), np.uint8)
    images[11] = 200  # the second of the second row
    lines = [["name", "score 0.1", "id 1"]] * 12
    for name in ("a", "b"):
        draw_contact_sheet(images, lines, "title", tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        sheet = np.asarray(picture)
    rows, columns = np.nonzero((sheet == 200).all(axis=2))
    block = sheet[rows.min() : rows.min() + 128, columns.min() : columns.min() + 128]
    assert (block == 200).all() and block.shape == (128, 128, 3)
    middle = rows.min() + 64, columns.min() + 64
    assert sheet.shape[0] / 2 < middle[0] and sheet.shape[1] / 10 < middle[1] < sheet.shape[1] / 5
    border = np.concatenate([sheet[:10].ravel(), sheet[-10:].ravel(), sheet[:, :10].ravel(), sheet[:, -10:].ravel()])
    assert (border == 255).all()  # nothing is cut off at the edges


def test_a_sheet_of_nothing_is_an_image_too(tmp_path):
    draw_contact_sheet(np.zeros((0, 8, 8, 1), np.uint8), [], "title", tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.size[0] > 1000


def test_long_names_end_in_an_ellipsis_within_the_width():
    font = ImageFont.truetype(FONTS / "DejaVuSans.ttf", 15)
    assert shorten("cat", font, 100) == "cat"
    cut = shorten("Chesapeake Bay retriever", font, 100)
    assert cut.endswith("…") and font.getlength(cut) <= 100 < font.getlength("Chesapeake Bay retriever")
    assert len(cut) > 8


def test_captions():
    sample = {"label": "cat", "score": 0.12, "truth": -0.00123456, "sample_id": 7}
    assert caption(sample) == ["cat", "score 0.120", "true −0.00123", "id 7"]
    assert caption({"label": "cat", "score": 0.5, "sample_id": 7}) == ["cat", "score 0.500", "id 7"]
    assert [three_digits(value) for value in (123.4, 12.34, 1.0)] == ["123", "12.3", "1.00"]
