"""The reader of WebDataset's shards, on tar files as it writes them; and each sentence of a fault."""

import gzip
import io
import json
import tarfile
from importlib.util import find_spec

import pytest

from formats import encoded, write_shard
from score_extrapolation.datasets.readers import webdataset
from score_extrapolation.faults import InputFault


def read(split, *paths, **options):
    return webdataset.read_split(split, [str(path) for path in paths], webdataset.Options(**options))


def fault_of(path, **options):
    with pytest.raises(InputFault) as fault:
        read("train", path, **options)
    assert "\n" not in str(fault.value)
    assert str(fault.value).startswith(f"samples.train: {path}")
    return str(fault.value).removeprefix(f"samples.train: {path}")


def sample(key, image=b"x", label=0, **more):
    members = {"jpg": image, **({} if label is None else {"cls": str(label).encode()}), **more}
    return [(f"{key}.{ending}", content) for ending, content in members.items()]


def write_three(folder):
    """Write shards of 3, 0 and 4 samples; return their images."""
    images = [bytes([row]) * (row + 1) for row in range(7)]
    for shard, rows in enumerate((range(3), range(0), range(3, 7))):
        members = [member for row in rows for member in sample(f"s/{row:03d}", images[row], row % 3)]
        write_shard(folder / f"train-{shard:06d}.tar", members)
    return images


@pytest.mark.parametrize("named", ["train-{000000..000002}.tar", "train-*.tar", "", "train-00000{0,1,2}.tar"])
def test_reads_braces_globs_and_folders_in_order(named, tmp_path):
    images = write_three(tmp_path)
    split = read("train", tmp_path / named)
    assert split.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert split.sources[3] == f"{tmp_path}/train-000002.tar#s/003"
    for start in range(7):
        for stop in range(start, 8):
            assert split.read(start, stop) == images[start:stop]


def test_a_shard_of_braces_that_is_not_there_is_told(tmp_path):
    write_three(tmp_path)
    with pytest.raises(InputFault, match=r"samples\.test: .*train-000003\.tar does not exist; give an existing"):
        read("test", tmp_path / "train-{000000..000004}.tar")


def test_labels_may_be_texts_or_fields_of_a_json(tmp_path):
    notes = [{"label": 3, "kind": "dog"}, {"label": 12, "kind": "cat"}]
    members = []
    for row, note in enumerate(notes):
        members += sample(f"{row}.x", label=None, json=json.dumps(note).encode())
        members[-2:] = [(name.replace(".x", ""), content) for name, content in members[-2:]]
        members += [(f"{row}.txt", b" a dog \n"), (f"{row}.meta.json", b'{"label": "u"}')]
    write_shard(tmp_path / "x.tar", members)
    assert read("train", tmp_path / "x.tar", label_key="json").labels.tolist() == [3, 12]
    assert read("train", tmp_path / "x.tar", label_key="json", label_field="kind").labels.tolist() == ["dog", "cat"]
    assert read("train", tmp_path / "x.tar", label_key="txt").labels.tolist() == ["a dog", "a dog"]
    assert read("train", tmp_path / "x.tar", label_key="meta.json").labels.tolist() == ["u", "u"]


def test_of_several_images_one_is_named(tmp_path):
    members = [
        *sample("a", b"photo", 1, PNG=b"mask", **{"seg.png": b"third"}),
        ("README", b""),
        ("__meta__/x.jpg", b""),
    ]
    write_shard(tmp_path / "x.tar", members)
    for key, expected in (("jpg", b"photo"), ("png", b"mask"), ("seg.png", b"third")):
        assert read("train", tmp_path / "x.tar", image_key=key).read(0, 1) == [expected]
    assert fault_of(tmp_path / "x.tar") == (
        "#a has 2 images (jpg, png) among the members jpg, cls, png, seg.png; name the ending of its image in "
        "samples.options.image_key, or mend the shard"
    )


def test_long_names_and_other_writers_of_tar(tmp_path):
    key = "folder/" + "long" * 60
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "x.tar", "w", format=form) as tar:
            folder = tarfile.TarInfo("folder")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
            for name, content in sample(key, b"image", 5):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        split = read("train", tmp_path / "x.tar")
        assert split.read(0, 1) == [b"image"]
        assert (split.labels.tolist(), list(split.sources)) == ([5], [f"{tmp_path}/x.tar#{key}"])


def test_names_that_are_no_utf_8_are_told_apart(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as tar:
        for name, content in [*sample("\xe9", b"1"), *sample("\xe8", b"2")]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    split = read("train", tmp_path / "x.tar")
    assert split.read(0, 2) == [b"1", b"2"]
    assert list(split.sources) == [f"{tmp_path}/x.tar#\\xe9", f"{tmp_path}/x.tar#\\xe8"]


def test_without_labels_there_need_be_no_cls(tmp_path):
    write_shard(tmp_path / "x.tar", [*sample("a", b"1", None), *sample("b", b"2", "?")])
    split = webdataset.read_unlabelled("train", [str(tmp_path / "x.tar")], webdataset.Options())
    assert split.labels is None
    assert split.read(0, 2) == [b"1", b"2"]


@pytest.mark.parametrize(
    "members, options, sentence",
    [
        (
            sample("a", label=None),
            {},
            "#a has no label: there is no cls among the members jpg; name its ending in samples.options.label_key, or "
            "set samples.labelled: false",
        ),
        ([("a.cls", b"1")], {}, "#a has no image (jpg, jpeg, png, webp, bmp, gif, tif, tiff, ppm, pgm) among the "),
        (sample("a"), {"image_key": "png"}, "#a has no image (png) among the members jpg, cls; name the ending of "),
        (sample("a", label="dog"), {}, "#a.cls has 'dog', but a cls is an integer; mend it"),
        (sample("a", label="1.0"), {}, "#a.cls has '1.0', but a cls is an integer; mend it"),
        (sample("a", txt=b" "), {"label_key": "txt"}, "#a.txt is empty, but should have the label; mend it"),
        (sample("a", json=b"{"), {"label_key": "json"}, "#a.json is no JSON ("),
        (
            sample("a", json=b'{"label": 0.5, "kind": 1}'),
            {"label_key": "json"},
            "#a.json has no integer or text called label, but the fields label, kind; name the label in "
            "samples.options.label_field, or mend the shard",
        ),
        (sample("a", json=b"[1]"), {"label_key": "json"}, "#a.json has no integer or text called label, but '[1]'; "),
        (
            [*sample("a"), *sample("b"), *sample("a")],
            {},
            "#a is there twice, with others between; write the members of a sample one after the other, and give each "
            "sample a name of its own",
        ),
        (
            [*sample("a"), *sample("a")],
            {},
            " has the member a.jpg twice; write it once, or give samples names of their own",
        ),
    ],
)
def test_faults_of_samples(members, options, sentence, tmp_path):
    write_shard(tmp_path / "x.tar", members)
    said = fault_of(tmp_path / "x.tar", **options)
    assert said.startswith(sentence)
    assert said == sentence or not sentence.endswith("it")


def test_a_shard_that_is_cut_short_anywhere_is_told(tmp_path):
    write_shard(tmp_path / "whole.tar", [member for row in range(3) for member in sample(str(row), encoded(1)[0], row)])
    content = (tmp_path / "whole.tar").read_bytes()
    end = len(content.rstrip(b"\0")) // 512 * 512 + 512  # of the last member; blocks of zeros follow
    for length in (1, 511, 512, 700, 1024, 1536, end - 512, end - 1, end, end + 100):
        (tmp_path / "cut.tar").write_bytes(content[:length])
        said = fault_of(tmp_path / "cut.tar")
        assert said.endswith("; get it again")
        assert said.startswith((" is no whole tar file (", " has no end after "))
    (tmp_path / "cut.tar").write_bytes(content[: end + 512])
    assert len(read("train", tmp_path / "cut.tar").sources) == 3
    (tmp_path / "cut.tar").write_bytes(content[:2048] + bytes([1]) * 512 + content[2560:])
    assert fault_of(tmp_path / "cut.tar").endswith("; get it again")


def test_what_is_compressed_or_no_tar_is_told(tmp_path):
    write_shard(tmp_path / "x.tar", sample("a"))
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress((tmp_path / "x.tar").read_bytes()))
    assert fault_of(tmp_path / "x.tar.gz") == (
        " is compressed, so that no image in it can be read by itself; decompress it"
    )
    (tmp_path / "y.tar").write_bytes(b"no tar" * 1000)
    assert fault_of(tmp_path / "y.tar").startswith(" is no whole tar file (")


@pytest.mark.skipif(find_spec("webdataset") is None, reason="the package webdataset is not installed")
def test_webdataset_s_own_writer_and_reader_agree(tmp_path):
    import webdataset as theirs

    images = encoded(9)
    with theirs.ShardWriter(f"{tmp_path}/train-%03d.tar", maxcount=4) as writer:
        for row, image in enumerate(images):
            writer.write({"__key__": f"sample{row}", "png": image, "cls": row % 2})
    split = read("train", tmp_path / "train-{000..002}.tar")
    read_back = list(theirs.WebDataset(f"{tmp_path}/train-{{000..002}}.tar", shardshuffle=False))
    assert [source.split("#")[1] for source in split.sources] == [sample["__key__"] for sample in read_back]
    assert split.labels.tolist() == [int(sample["cls"]) for sample in read_back]
    assert split.read(0, 9) == [sample["png"] for sample in read_back] == images
