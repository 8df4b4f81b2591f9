"""S3 Inventory reports as listings."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync import external_sort
from aibs_informatics_aws_lambda.handlers.data_sync.inventory.listing import find_in_inventory
from aibs_informatics_aws_lambda.handlers.data_sync.inventory.manifest import InventoryError
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from s3_inventory import MANIFEST, csv_file, report, row_of, signed

CHECKSUM = MANIFEST.replace(".json", ".checksum")
DATA = "inventory/bucket/daily/data/0.csv.gz"
NAMES = ["a", "b/c", "b/d/e", "b", "b/", "b-c", "é", "b/\U0001f600", "b/\ufb01"]


@pytest.fixture(params=["local", "s3"])
def place(request, tmp_path: Path):
    """Stores a report, and returns the location of its manifest."""
    if request.param == "local":

        def write(objects):
            for key, content in objects.items():
                path = tmp_path / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            return tmp_path / MANIFEST

        return write
    server = request.getfixturevalue("s3")

    def put(objects):
        for key, content in objects.items():
            server.put("reports", key, content)
        return S3Path.build("reports", MANIFEST)

    return put


def find(location, key="", bucket="bucket"):
    found = find_in_inventory(location, lambda: S3(4), bucket, key)
    entries = list(found.below)
    return found.single, entries


def rows_of(names):
    return [row_of(name, name.encode()) for name in names]


def test_objects_are_in_the_order_of_keys_whatever_that_of_files_and_rows(place):
    shuffled = random.Random(1).sample(NAMES, len(NAMES))
    files = [csv_file(rows_of(shuffled[start::4])) for start in range(4)]

    single, below = find(place(report(files)))

    assert single is None
    assert [entry.relative for entry in below] == sorted(NAMES, key=str.encode)


def test_key_names_the_object_and_what_is_below_it(place):
    location = place(report([csv_file(rows_of(NAMES))]))

    single, below = find(location, "b")
    of_folder, same = find(location, "b/")
    alone, nothing = find(location, "a")

    assert single is not None
    assert (single.relative, single.size) == ("", 1)
    assert [entry.relative for entry in below] == ["", "c", "d/e", "\ufb01", "\U0001f600"]
    assert (of_folder, same) == (None, below)
    assert alone is not None
    assert nothing == []


def test_many_objects_are_sorted_on_disk(place, monkeypatch):
    monkeypatch.setattr(external_sort, "SORTED_IN_MEMORY", 10)
    names = [f"{number % 7}/{number}" for number in range(500)]

    _, below = find(place(report([csv_file(rows_of(names))])))

    assert [entry.relative for entry in below] == sorted(names)


def test_object_that_is_listed_twice_is_refused(place):
    files = [csv_file(rows_of(["a", "b"])), csv_file(rows_of(["b"]))]

    with pytest.raises(InventoryError, match="it lists 'b' twice"):
        find(place(report(files)))


@pytest.mark.parametrize("key", ["nothing", "a/", "b/d/e/f"])
def test_key_without_objects_is_refused(place, key):
    with pytest.raises(InventoryError, match=f"lists no object at or below s3://bucket/{key}"):
        find(place(report([csv_file(rows_of(NAMES))])), key)


def test_key_that_the_report_may_not_cover_is_refused(place):
    location = place(report([csv_file(rows_of(["x/y/1", "x/y/2", "x/y/z/3"]))]))

    with pytest.raises(InventoryError, match="are below s3://bucket/x/y/"):
        find(location, "x")
    assert len(find(location, "x/y/")[1]) == 3
    # That there is another object shows that the whole bucket is covered.
    others = place(report([csv_file(rows_of(["x/y/1", "x/y/2", "z"]))]))
    assert len(find(others, "x")[1]) == 2


def test_report_of_another_bucket_is_refused(place):
    location = place(report([csv_file(rows_of(NAMES))]))

    with pytest.raises(InventoryError, match="lists the bucket bucket, not another"):
        find(location, bucket="another")


@pytest.mark.parametrize("missing", [MANIFEST, CHECKSUM, DATA])
def test_missing_file_is_named(place, missing):
    objects = report([csv_file(rows_of(NAMES))])
    del objects[missing]

    with pytest.raises(InventoryError, match="is missing") as failure:
        find(place(objects))

    assert missing.rpartition("/")[2] in str(failure.value)


def test_file_that_is_not_that_of_the_manifest_is_refused(place):
    objects = report([csv_file(rows_of(NAMES))])
    other = csv_file(rows_of([*NAMES[:-1], "other"]))

    with pytest.raises(InventoryError, match=r"0\.csv\.gz: it has .* and the manifest says"):
        find(place({**objects, DATA: other}))


@pytest.mark.parametrize("name", ["..", "", "/"])
def test_file_without_a_name_is_refused_on_a_disk(tmp_path, name):
    document = json.loads(report([b"x"])[MANIFEST])
    document["files"][0]["key"] = f"a/{name}"
    for key, content in signed(json.dumps(document).encode()).items():
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(content)

    with pytest.raises(InventoryError, match="is missing"):
        find(tmp_path / MANIFEST)


def test_no_request_lists_objects_and_no_file_is_left(s3, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    files = [csv_file(rows_of([name])) for name in NAMES]
    for key, content in report(files).items():
        s3.put("reports", key, content)

    find(S3Path.build("reports", MANIFEST))

    assert Counter(call.operation for call in s3.calls) == {"GetObject": 2 + len(files)}
    assert list(tmp_path.iterdir()) == []
