"""Names in paths and in the config: `str` and `parse` are each other's way back, and no thing has two names."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning_workflow import names
from pruning_workflow.names import (
    COMPUTED,
    EVERYTHING,
    NOTHING,
    RANDOM,
    SPACES,
    Amount,
    Arm,
    Part,
    Shard,
    Table,
    percent,
)

CHECKOUT = Path(__file__).parents[2]
PATTERNS = {
    Part: names.PART_PATTERN,
    Amount: names.AMOUNT_PATTERN,
    Arm: names.ARM_PATTERN,
    Table: names.TABLE_PATTERN,
    Shard: names.SHARD_PATTERN,
}

FRACTIONS = st.floats(1e-9, 1, exclude_max=True)
SAMPLERS = st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True).filter(lambda name: name not in ("within", RANDOM))
DRAWN_BY = st.just(RANDOM) | SAMPLERS
SUBSETS = st.builds(Part.subset, FRACTIONS | st.just(1.0), DRAWN_BY)
PARTS = st.just(NOTHING) | SUBSETS | st.builds(Part.nested, SUBSETS, FRACTIONS)
AMOUNTS = st.builds(Amount.of_rate, FRACTIONS | st.just(0.0)) | st.builds(Amount, n_kept=st.integers(1, 10**9))
METHODS = st.from_regex(r"[a-z0-9_]+", fullmatch=True)
LABELS = st.from_regex(r"[a-z0-9_]+(-[a-z0-9_.]+){0,3}", fullmatch=True) | st.sampled_from((COMPUTED, *SPACES))
ARMS = st.builds(Arm, METHODS) | st.builds(Arm, METHODS, METHODS, LABELS, PARTS)
STAGES = ("samples", "subset", "dynamics", "scores", "embeddings", "predictions")
TABLES = st.builds(Table, st.sampled_from(STAGES), st.none(), st.integers(0, 3)) | st.builds(
    Table, st.just("neighbors"), st.sampled_from(("subset", "label", "all")), st.integers(0, 3)
)
SHARDS = st.integers(1, 10**6).flatmap(lambda n: st.builds(Shard, st.integers(1, n), st.just(n)))
THINGS = {Part: PARTS, Amount: AMOUNTS, Arm: ARMS, Table: TABLES, Shard: SHARDS}


def any_of(data):
    kind = data.draw(st.sampled_from(list(THINGS)))
    return kind, data.draw(THINGS[kind])


# ------------------------------------------------------------------ there and back


@given(st.data())
def test_a_name_is_parsed_to_what_it_was_printed_from(data):
    kind, thing = any_of(data)
    assert kind.parse(str(thing)) == thing
    assert f"{thing}" == str(thing)
    assert re.fullmatch(PATTERNS[kind], str(thing))


@given(st.data())
def test_what_a_pattern_fits_is_the_one_name_of_what_it_is_parsed_to(data):
    kind = data.draw(st.sampled_from([Part, Amount, Arm, Table, Shard]))
    name = data.draw(st.from_regex(PATTERNS[kind], fullmatch=True))
    try:
        thing = kind.parse(name)
    except ValueError:
        assert kind is Shard  # the third of two, which no pattern can tell
        return
    assert str(thing) == name


@given(st.data(), st.sampled_from("-/.0 9xX%"), st.integers(0, 60))
def test_what_the_pattern_does_not_fit_is_refused(data, letter, place):
    kind, thing = any_of(data)
    name = str(thing)[:place] + letter + str(thing)[place:]
    if re.fullmatch(PATTERNS[kind], name):
        assert kind is Shard or str(kind.parse(name)) == name
    else:
        with pytest.raises(ValueError, match="is no "):
            kind.parse(name)


@given(PARTS)
def test_the_pattern_of_subsets_fits_those_parts_that_lie_among_all(part):
    assert bool(re.fullmatch(names.SUBSET_PATTERN, str(part))) == (part.within is None)


@pytest.mark.parametrize("kind", list(THINGS))
@pytest.mark.parametrize("text", ["", " ", "/", "-", "20 ", "\n", "nested/", "a//b"])
def test_what_is_no_name_of_anything(kind, text):
    with pytest.raises(ValueError, match="is no "):
        kind.parse(text)


# -------------------------------------------------------------------------- parts


def test_parts_by_hand():
    read = {name: Part.parse(name) for name in ("20", "2.5", "100", "10-within-20", "1.25-within-2.5")}
    assert {name: (str(part.trained), part.universe) for name, part in read.items()} == {
        "20": ("20", EVERYTHING),
        "2.5": ("2.5", EVERYTHING),
        "100": ("100", EVERYTHING),
        "10-within-20": ("10", Part("20")),
        "1.25-within-2.5": ("1.25", Part("2.5")),
    }


def test_parts_of_another_sampler_by_hand():
    assert (str(Part.subset(0.2)), str(Part.subset(0.2, "stratified"))) == ("20", "20-stratified")
    read = map(Part.parse, ("20-stratified", "10-within-20-stratified", "10-within-20"))
    assert [(part.percent, part.sampler, str(part.trained), str(part.universe)) for part in read] == [
        ("20", "stratified", "20-stratified", "100"),
        ("10", "stratified", "10-stratified", "20-stratified"),
        ("10", "random", "10", "20"),
    ]
    assert str(Part.parse("20-stratified").nested(0.5)) == "10-within-20-stratified"
    assert str(Part.parse("10-within-20-stratified").nested(0.5)) == "5-within-10-stratified"


@pytest.mark.parametrize(
    "part, share, expected",
    [
        ("20", 0.5, "10-within-20"),
        ("2.5", 0.5, "1.25-within-2.5"),
        ("29", 0.1, "2.9-within-29"),
        ("10", 1 / 3, "3.333333333-within-10"),
        ("10-within-20", 0.5, "5-within-10"),  # of what is trained on, not of that among which it lies
        ("20", 1 - 1e-15, "20-within-20"),
        ("20", 1e-9, "0.00000002-within-20"),
    ],
)
def test_a_nested_part_by_hand(part, share, expected):
    assert str(Part.parse(part).nested(share)) == expected


@given(FRACTIONS, FRACTIONS, DRAWN_BY)
def test_a_nested_part_is_a_share_of_what_is_trained_on_and_lies_in_it(fraction, share, sampler):
    part = Part.subset(fraction, sampler)
    within = part.nested(share)
    assert within.universe == part.trained == part
    assert within.trained.fraction == pytest.approx(fraction * share, rel=1e-8)
    deeper = within.nested(share)
    assert deeper.universe == within.trained
    assert deeper.trained.fraction == pytest.approx(fraction * share**2, rel=1e-8)
    assert {part.sampler, within.sampler, deeper.sampler} == {sampler}
    plain = Part.subset(fraction).nested(share).nested(share)
    assert (deeper.percent, deeper.within) == (plain.percent, plain.within)


@given(FRACTIONS)
def test_a_percentage_returns_as_the_fraction_and_as_itself(fraction):
    assert Part.subset(fraction).fraction == pytest.approx(fraction, rel=1e-9)
    assert percent(Part.subset(fraction).fraction) == percent(fraction)


@pytest.mark.parametrize(
    "text",
    [
        *("a", "20.", ".5", "2e-05", "-20", "20/10", "20-10", "20-", "20-Stratified", "20-stratified-"),
        *("20-within-", "-within-20", "20-within", "5-within-10-within-20", "20-stratified-within-40"),
        "10-within-20-within",
        *("020", "20.0", "20-random", "10-within-20-random", "٢٠"),  # other names of parts that have one
    ],
)
def test_other_names_are_no_parts(text):
    assert not re.fullmatch(names.PART_PATTERN, text)
    with pytest.raises(ValueError, match="is no part"):
        Part.parse(text)


def test_in_a_path_the_pattern_takes_no_more_than_the_name():
    """As a wildcard, where a slash follows."""
    path = re.compile(f"fraction-(?P<part>{names.PART_PATTERN})/seed")
    assert path.fullmatch("fraction-10-within-20-zcoreset/seed")["part"] == "10-within-20-zcoreset"
    assert path.fullmatch("fraction-20-within_b/seed")["part"] == "20-within_b"
    for part in ("20-within", "20-random", "10-within-20-within"):
        assert not path.fullmatch(f"fraction-{part}/seed")


# ------------------------------------------------------------------------ amounts


@pytest.mark.parametrize(
    "name, settings",
    [
        ("rate-20", {"rate": 0.2}),
        ("rate-99.5", {"rate": 0.995}),
        ("rate-0", {"rate": 0.0}),
        ("keep-70", {"n_kept": 70}),
    ],
)
def test_a_name_says_what_select_is_to_be_told(name, settings):
    assert Amount.parse(name).settings() == pytest.approx(settings)
    assert Amount.parse(name).rate == pytest.approx(settings.get("rate"))


@pytest.mark.parametrize(
    "name, n, share", [("rate-20", 7, 0.2), ("keep-50", 200, 0.75), ("keep-200", 200, 0.0), ("keep-201", 200, 0.0)]
)
def test_the_share_that_is_removed(name, n, share):
    assert Amount.parse(name).removed(n) == share


@pytest.mark.parametrize(
    "name", ["keep-0", "keep-1.5", "rate-", "rate-5e3", "keep--1", "20", "rate-50.0", "rate-05", "keep-07", "keep-1٣"]
)
def test_other_names_are_no_amounts(name):
    with pytest.raises(ValueError, match="is no amount"):
        Amount.parse(name)


# --------------------------------------------------------------------------- arms


def test_arms_by_hand():
    assert Arm.parse("random") == Arm("random")
    arm = Arm.parse("top/du/knn-10/fraction-10-within-20")
    assert arm == Arm("top", "du", "knn-10", Part("10", "20"))
    assert str(arm.by_truth()) == "top/du/computed/fraction-100"
    assert Arm("random").by_truth() == Arm("random")
    truths = ("top/du/computed/fraction-100", "top/du/computed/fraction-20", "top/du/knn-10/fraction-100", "rs2")
    assert [Arm.parse(name).is_true for name in truths] == [True, False, False, False]
    free = ("top/ssp/pretrained/fraction-0", "top/ssp/subset/fraction-20", *truths)
    assert [Arm.parse(name).is_training_free for name in free] == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    "name",
    ["top/du", "top/du/knn-10", "top/du/knn-10/20", "top/du/knn-10/fraction-x", "top/du/knn-10/fraction-20/", "a b"],
)
def test_other_names_are_no_arms(name):
    with pytest.raises(ValueError, match="is no arm"):
        Arm.parse(name)


# --------------------------------------------------------------- tables and shards


def test_tables_by_hand():
    assert Table.parse("neighbors/label") == Table("neighbors", "label")
    assert Table.parse("nested/nested/predictions") == Table("predictions", None, 2)
    for name in ("embeddings/nested", "nested", "embeddings/all", "neighbors", "neighbors/far", "neighbors/all/x"):
        with pytest.raises(ValueError, match="is no table"):
            Table.parse(name)


def test_shards_by_hand():
    assert list(map(str, Shard.all(3))) == ["1-of-3", "2-of-3", "3-of-3"]
    assert tuple(Shard.parse("2-of-3")) == (2, 3)
    for name in ("0-of-3", "4-of-3", "2-of-", "02-of-3", "2-of-3-of-4"):
        with pytest.raises(ValueError, match="is no shard"):
            Shard.parse(name)


# ------------------------------------------------------------------ and nowhere else

# How names are taken apart or put together by hand.
TAKEN_APART = re.compile(
    r"""split\((sep=)?["'](/|-of-|-within-|-)["']|removeprefix\(["'](fraction-|rate-|keep-|seed-|nested/)|-of-\{"""
)
# Not names of results: a method's label in words for people; tables as methods of the library call them.
NO_NAMES_OF_RESULTS = {
    "pruning_workflow/report/__init__.py": ['label.split("-")'],
}


def files_of_the_workflow():
    scripts = CHECKOUT / "workflow_scripts"
    for path in (*scripts.glob("*.py"), *scripts.glob("pruning_workflow/**/*.py")):
        if path.name != "names.py":
            yield path.relative_to(scripts).as_posix(), path
    for path in (CHECKOUT / "Snakefile", *(CHECKOUT / "rules").glob("*.smk")):
        yield path.relative_to(CHECKOUT).as_posix(), path


@pytest.mark.parametrize("name, path", [pytest.param(*file, id=file[0]) for file in files_of_the_workflow()])
def test_no_other_file_takes_names_apart(name, path):
    text = path.read_text(encoding="utf-8")
    assert 'split("/")' not in text and "split('/')" not in text
    for known in NO_NAMES_OF_RESULTS.get(name, ()):
        assert text.count(known) == 1
        text = text.replace(known, "")
    assert [found.group(0) for found in TAKEN_APART.finditer(text)] == []
