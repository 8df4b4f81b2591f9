"""The verbs ls, stats, stale and rm."""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib import import_module

import pytest
from aibs_informatics_aws_lambda.common.cli.errors import CommandError

PACKAGE = "aibs_informatics_aws_lambda.handlers.data_sync.cli"


@pytest.fixture
def bucket(aws) -> str:
    return aws.make_bucket()


def test_ls_lists_absolute_paths(run, disk):
    disk.write({"data/a": "a", "data/sub/b": "b"})

    result = run("ls", "-r", "data")

    root = disk.root / "data"
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{root}/\n{root}/a\n{root}/sub/\n{root}/sub/b\n"


def test_ls_lists_objects_as_uris_and_with_json_as_keys(run, aws, bucket):
    aws.put(bucket, "data/a", "a")

    assert run("ls", "-r", "s3://bucket/data/").stdout == "s3://bucket/data/\ns3://bucket/data/a\n"
    assert json.loads(run("ls", "-r", "--json", "s3://bucket/data/").stdout) == {
        "paths": ["data/", "data/a"]
    }


def test_ls_filters_by_patterns(run, disk):
    disk.write({"data/a.csv": "a", "data/b.txt": "b", "data/sub/c.csv": "c"})

    result = run("ls", "-r", "data", "--include", "*.csv", "--exclude", "sub/")

    assert result.stdout == f"{disk.root}/data/a.csv\n"


def test_ls_writes_the_bytes_of_names_and_can_end_them_with_nul(disk, script):
    name = os.fsdecode(b"data/\xff\n")
    disk.write({name: "x"})

    result = subprocess.run(
        [script, "ls", "-r", "-0", "data"], cwd=disk.root, capture_output=True, check=True
    )

    root = os.fsencode(disk.root)
    assert result.stdout == root + b"/data/\0" + root + b"/data/\xff\n\0"


def test_ls_lists_one_level_with_times_and_sizes(run, disk):
    disk.write({"data/a": "a" * 2048, "data/sub/b": "b"})
    for name in ("data/a", "data/sub"):
        os.utime(disk.root / name, (86400, 86400))

    assert run("ls", "data").stdout == (
        "1970-01-02 00:00:00  2048  a\n1970-01-02 00:00:00     -  sub/\n"
    )
    assert "  2.0 KiB  a\n" in run("ls", "--human", "data").stdout


def test_ls_lists_prefixes_and_objects(run, aws, bucket):
    for key in ("data", "data/", "data/a", "data/sub/b", "data2/c"):
        aws.put(bucket, key, "x")

    lines = [line.split() for line in run("ls", "s3://bucket/data").stdout.splitlines()]
    assert [line[-2:] for line in lines] == [["1", "a"], ["1", "data"], ["-", "sub/"]]
    assert run("ls").stdout.endswith("  -  bucket/\n")


def test_ls_json_has_a_line_per_entry(run, disk):
    disk.write({"data/a": "a", "data/sub/b": "b"})

    lines = [json.loads(line) for line in run("ls", "--json", "data").stdout.splitlines()]

    assert [(line["name"], line.get("size_bytes")) for line in lines] == [("a", 1), ("sub/", None)]


@pytest.mark.parametrize("options", [[], ["-r"]])
def test_ls_of_nothing_fails(run, bucket, options):
    result = run("ls", *options, "s3://bucket/nothing/")

    assert (result.returncode, result.stdout) == (1, "")
    assert (
        result.stderr == "data-sync: error: cannot list s3://bucket/nothing/: there is nothing\n"
    )


def test_cat_writes_objects_and_files(run, aws, bucket, disk):
    disk.write({"c": "3\n"})
    for key in ("x/1.log", "x/2.log", "x/2.txt"):
        aws.put(bucket, key, f"{key}\n")

    result = run("cat", "s3://bucket/x/*.log", "c")

    assert (result.returncode, result.stdout) == (0, "x/1.log\nx/2.log\n3\n")
    assert "s3://bucket/no" in run("cat", "s3://bucket/no").stderr
    assert "use wildcards: 's3://bucket/x/*'" in run("cat", "s3://bucket/x/").stderr


def test_rm_removes_objects(run, aws, bucket):
    for key in ("a/x.log", "a/y.log", "a/z", "a/b/c.log", "b", "b/c"):
        aws.put(bucket, key, "xx")

    planned = run("rm", "-n", "-r", "s3://bucket/a/")
    assert planned.stdout == "4 objects (8 B) would be removed\n"
    assert run("rm", "-y", "s3://bucket/a/*.log").stdout == "2 objects removed (4 B)\n"
    assert aws.keys(bucket) == ["a/b/c.log", "a/z", "b", "b/c"]
    assert run("rm", "-y", "s3://bucket/b").returncode == 0
    assert run("rm", "-y", "-r", "--json", "s3://bucket/a").stdout == (
        '{"objects_removed": 2, "size_bytes_removed": 4}\n'
    )
    assert aws.keys(bucket) == ["b/c"]


@pytest.mark.parametrize(
    "uris",
    [
        ["s3://bucket/a/", "s3://bucket/a/b/", "s3://bucket/a"],
        ["s3://bucket/a/b/*", "s3://bucket/a/", "s3://bucket/a/x"],
        ["s3://bucket/a/x", "s3://bucket/*/*"],
    ],
)
def test_rm_counts_and_removes_an_object_once_that_several_uris_name(run, aws, bucket, uris):
    for key in ("a/x", "a/b/y", "b"):
        aws.put(bucket, key, "xx")
    versioning = {"Status": "Enabled"}
    aws.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)

    removed = run("rm", "-y", "-r", "--json", "--max-delete", "2", *uris)
    assert removed.stdout == '{"objects_removed": 2, "size_bytes_removed": 4}\n'
    assert aws.keys(bucket) == ["b"]
    markers = aws.client("s3").list_object_versions(Bucket=bucket)["DeleteMarkers"]
    assert sorted(marker["Key"] for marker in markers) == ["a/b/y", "a/x"]


def test_rm_names_an_endpoint_that_cannot_be_used_before_other_settings(run, aws, bucket):
    url = aws.url.replace("http://", "https://")

    refused = run("rm", "-y", "s3://bucket/a", "--endpoint-url", url, AWS_CA_BUNDLE="/missing")
    assert refused.returncode == 1
    assert "does not speak TLS: write http://" in refused.stderr


def test_rm_removes_no_object_above_max_delete_or_without_confirmation(run, aws, bucket):
    for key in ("a/x", "a/y"):
        aws.put(bucket, key)

    too_many = run("rm", "-y", "-r", "--max-delete", "1", "s3://bucket/a/")
    unconfirmed = run("rm", "-r", "s3://bucket/a/")
    missing = run("rm", "-y", "s3://bucket/a")

    assert "2 objects (0 B) would be removed, and --max-delete allows 1" in too_many.stderr
    assert "give --yes" in unconfirmed.stderr
    assert "Give -r to remove objects below it" in missing.stderr
    assert aws.keys(bucket) == ["a/x", "a/y"]


def test_rm_says_that_a_versioned_bucket_keeps_versions(run, aws, bucket):
    aws.client("s3").put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    aws.put(bucket, "a")

    result = run("rm", "-y", "s3://bucket/a")

    assert result.returncode == 0
    assert "delete markers are added, and earlier versions are kept" in result.stderr


@pytest.mark.parametrize("verb", ["ls", "ls -r", "stats"])
def test_control_characters_of_names_are_escaped_on_a_terminal(run_on_terminal, disk, verb):
    disk.write({"data/a\n\x1b[31m\udcff": "x"})

    shown = run_on_terminal(*verb.split(), "data")

    assert shown.status == 0
    assert r"a\n\x1b[31m\xff" in shown.text
    assert "\x1b" not in shown.text


@pytest.mark.parametrize("verb", ["ls", "ls -r", "stats"])
def test_names_keep_their_bytes_in_a_pipe(run, disk, verb):
    disk.write({"data/a\n\x1b[31m": "x"})

    shown = run(*verb.split(), "data")

    assert "a\n\x1b[31m\n" in shown.stdout


def test_error_about_a_name_with_control_characters_is_one_line(run, disk):
    (disk.root / "data").mkdir()
    (disk.root / "data/a\n\x1b[31m").symlink_to("missing")

    result = run("data", "copy")

    assert "error: data/a\\n\\x1b[31m is a dangling symlink" in result.stderr
    assert result.stderr.count("\n") == 2


def test_ls_exits_silently_on_a_broken_pipe(disk, script, run_command):
    disk.write({f"data/{number}": "" for number in range(5000)})

    result = run_command(
        "bash", "-c", f"{script} ls -r data | head -1; echo ${{PIPESTATUS[0]}}", folder=disk.root
    )

    assert result.stderr == ""
    assert result.stdout == f"{disk.root}/data/\n141\n"


def test_stats_shows_immediate_children_and_the_total(run, disk):
    disk.write({"data/a": "a" * 2048, "data/sub/b": "b", "data/sub/c": "c"})
    for name in ("data/a", "data/sub/b", "data/sub/c"):
        os.utime(disk.root / name, (86400, 86400))

    result = run("stats", "data")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "   SIZE  FILES  LAST MODIFIED        NAME",
        "2.0 KiB      1  1970-01-02 00:00:00  a",
        "    2 B      2  1970-01-02 00:00:00  sub",
        "2.0 KiB      3  1970-01-02 00:00:00  data",
    ]


def test_stats_of_a_missing_path_has_zeros_and_no_time(run, bucket):
    result = run("stats", "s3://bucket/nothing/")

    assert result.returncode == 0
    assert result.stdout.splitlines()[-1].split() == ["0", "B", "0", "-", "s3://bucket/nothing/"]
    assert result.stderr == (
        "data-sync stats: warning: there are no files at s3://bucket/nothing/\n"
    )


def test_stale_warns_of_a_path_that_does_not_exist(run, disk):
    result = run("stale", "missing", "--days", "1")

    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "data-sync stale: warning: missing does not exist\n"


def test_stats_shows_stores_as_items(run, disk):
    disk.write({"data/x/zarr.json": "{}", "data/x/c/0": "1", "data/a": "a"})
    lines = run("stats", "--stores", "data").stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["NAME", "data/x/", "files)"]
    assert lines[1].split()[:3] == ["3", "B", "2"]
    [store, others] = json.loads(run("stats", "--stores", "--json", "data").stdout)["stores"]
    assert store.pop("last_modified") >= others.pop("last_modified") > "2000"
    assert store == {
        "path": "data/x/",
        "kind": "Zarr",
        "version": "3",
        "size_bytes": 3,
        "object_count": 2,
    }
    assert others == {"size_bytes": 1, "object_count": 1}


def test_ls_shows_stores_as_entries(run, disk):
    image = '{"attributes": {"ome": {"version": "0.5", "multiscales": []}}}'
    disk.write({"d/s/x/zarr.json": image, "d/s/x/0/c/0": "1", "d/s/a": "a", "d/y/.zarray": "{}"})
    [folder, store] = run("ls", "--stores", "d").stdout.splitlines()
    assert folder.split() == ["-", "s/"]
    assert store.endswith("2  y/  (Zarr 2, 1 file)")
    found = run("ls", "-r", "--stores", "--json", "d").stdout.splitlines()
    [file, image_store, array] = map(json.loads, found)
    assert file["name"] == "d/s/a"
    assert "kind" not in file
    assert image_store == image_store | {
        "name": "d/s/x/",
        "kind": "OME-Zarr",
        "version": "0.5",
        "object_count": 2,
    }
    assert (array["name"], array["version"]) == ("d/y/", "2")
    largest = run("ls", "-r", "--stores", "--sort", "size", "d").stdout.splitlines()
    assert [line.split()[3] for line in largest] == ["d/s/x/", "d/y/", "d/s/a"]
    assert run("ls", "--stores", "--exclude", "*", "d").returncode == 1


def test_stats_counts_only_listed_files(run, script, disk):
    disk.write({"data/a": "aa", "data/sub/b": "b", "data/sub/c": "c", "list": "sub/c\na\nsub/c\n"})

    listed = run("stats", "--json", "--files-from", "list", "data")
    command = [script, "stats", "--json", "--files-from", "-", "data"]
    piped = subprocess.run(
        command, cwd=disk.root, input=b"sub/b\n", check=True, capture_output=True
    )

    found = json.loads(listed.stdout)
    assert {name: stats["object_count"] for name, stats in found["children"].items()} == {
        "a": 1,
        "sub": 1,
    }
    assert found["path_stats"]["size_bytes"] == 3
    assert json.loads(piped.stdout)["path_stats"]["object_count"] == 1


def test_stats_as_json(run, disk):
    disk.write({"data/a": "abc"})

    answer = json.loads(run("stats", "--json", "data").stdout)

    assert answer["path_stats"]["size_bytes"] == 3
    assert list(answer["children"]) == ["a"]


def test_stale_finds_old_paths_and_by_default_not_the_root(run, disk):
    disk.write({"data/old/a": "a", "data/older": "o"})
    disk.age("data/old/a", 40)
    disk.age("data/older", 50)

    result = run("stale", "data", "--days", "30")
    whole = run("stale", "data", "--days", "30", "--min-depth", "0")

    assert result.stdout == f"{disk.root}/data/old/\n{disk.root}/data/older\n"
    assert whole.stdout == f"{disk.root}/data/\n"


def test_stale_stops_at_the_size_to_keep(run, disk):
    disk.write({"data/a": "a" * 1000, "data/b": "b" * 1000})
    disk.age("data/a", 2)
    disk.age("data/b", 1)

    result = run("stale", "data", "--days", "0", "--keep", "1kB")

    assert result.stdout == f"{disk.root}/data/a\n"


def test_rm_with_a_plan_removes_unchanged_paths_and_names_changed_ones(run, disk):
    disk.write({"data/a": "a", "data/b": "b", "data/new": "n"})
    disk.age("data/a", 40)
    disk.age("data/b", 40)

    found = run("stale", "data", "--days", "30", "--plan", "stale.json")
    disk.write({"data/b": "written again"})
    removed = run("rm", "--yes", "--plan", "stale.json")

    assert found.returncode == 0, found.stderr
    assert removed.returncode == 4
    assert removed.stdout == "1 path removed (1 B)\n"
    assert "data/b: it has changed since it was planned" in removed.stderr
    assert set(disk.read("data")) == {"b", "new"}


def test_rm_removes_files_and_folders(run, disk):
    disk.write({"data/a": "a" * 1024, "data/sub/b": "b" * 1024, "kept": "k"})

    result = run("rm", "-y", "data")

    assert (result.returncode, result.stdout) == (0, "1 path removed (2.0 KiB)\n")
    assert disk.read() == {"kept": "k"}


@pytest.mark.parametrize("options", [["-y"], ["-n"], ["-y", "-r"]])
@pytest.mark.parametrize("name", ["missing", "dat*", "missing/../data"])
def test_rm_of_a_path_that_does_not_exist_removes_nothing(run, disk, options, name):
    disk.write({"data/a": "a"})

    result = run("rm", *options, "data", name)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"data-sync: error: {name}: No such file or directory\n"
    assert disk.read() == {"data/a": "a"}


def test_rm_says_why_it_cannot_tell_whether_a_path_exists(run, disk):
    disk.write({"data/a": "a"})
    name = "x" * 300

    result = run("rm", "-y", "data", name)

    assert (result.returncode, result.stdout) == (1, "")
    assert "File name too long" in result.stderr
    assert disk.read() == {"data/a": "a"}


def test_rm_of_a_dangling_symlink_removes_it(run, disk):
    disk.write({"kept": "k"})
    link = disk.root / "link"
    link.symlink_to("nowhere")

    assert run("rm", "-y", "link").returncode == 0
    assert not link.is_symlink()


def test_rm_dry_run_shows_sizes_and_removes_nothing(run, disk):
    disk.write({"data/a": "a" * 2048, "b": "b"})

    result = run("rm", "-n", "data", "b")

    assert result.stdout == "2.0 KiB  data\n    1 B  b\n2 paths (2.0 KiB) would be removed\n"
    assert len(disk.read()) == 2


def test_rm_requires_yes_without_a_terminal(run, disk):
    disk.write({"a": "a"})

    result = run("rm", "a")

    assert result.returncode == 2
    assert result.stderr == (
        "data-sync: error: cannot ask for confirmation without a terminal: give --yes\n"
    )
    assert disk.read() == {"a": "a"}


@pytest.mark.parametrize(("typed", "status", "left"), [("y\n", 0, {}), ("\n", 1, {"a": "a"})])
def test_rm_asks_for_confirmation_on_a_terminal(run_on_terminal, disk, typed, status, left):
    disk.write({"a": "a"})

    shown = run_on_terminal("rm", "a", typed=typed)

    assert "Remove 1 path (1 B)? [y/N]" in shown.text
    assert shown.status == status
    assert disk.read() == left


@pytest.mark.parametrize("arguments", [["/"], ["-n", "/"], ["-y", "/", "a"]])
def test_rm_refuses_mount_points(run, disk, arguments):
    disk.write({"a": "a"})

    result = run("rm", "--yes", *arguments)

    assert result.returncode == 1
    assert "cannot remove /: it is a mount point" in result.stderr
    assert disk.read() == {"a": "a"}


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["rm", "s3://bucket/a/"], 2, "s3://bucket/a/ is a prefix: give -r"),
        (["rm", "s3://bucket/a", "data"], 2, "cannot be combined with local paths"),
        (["rm", "--max-delete", "1", "data"], 2, "only for objects on S3"),
        (["rm"], 2, "nothing to remove: give paths or --plan"),
        (["rm", "--yes", "--plan", "no.json"], 3, "cannot use the plan no.json"),
        (["rm", "--yes", "--plan", "empty.json"], 3, "Write one with data-sync stale --plan"),
        (["stale", "data"], 2, "the following arguments are required: --days"),
        (["stale", "data", "--days", "-3"], 2, "argument --days"),
        (["stale", "s3://bucket/a/", "--days", "1", "--plan", "x"], 2, "for S3"),
        (["stale", "data", "--days", "1", "--plan", "no/x"], 2, "plan"),
        (["ls", "--include-regex", "[", "data"], 2, "argument --include-regex"),
        (["stats", "s3://X/"], 2, "argument PATH"),
        (["stats", "--stores", "--files-from", "l", "data"], 2, "--files-from has no effect with"),
        (
            ["stats", "--inventory", "m", "--files-from", "l", "s3://bucket/"],
            2,
            "mutually exclusive",
        ),
    ],
)
def test_invalid_arguments_are_refused(monkeypatch, disk, arguments, status, reason):
    disk.write({"data/a": "a", "empty.json": "{}"})
    (disk.root / "no").write_text("a file")

    monkeypatch.chdir(disk.root)
    verb, *rest = arguments

    with pytest.raises(CommandError) as refused:
        import_module(f"{PACKAGE}.{verb}").run(rest)

    assert refused.value.exit_code == status
    assert reason in str(refused.value)


@pytest.mark.parametrize("verb", ["cp", "mv", "ls", "cat", "stats", "stale", "rm"])
def test_help_has_examples(run, verb):
    result = run(verb, "--help")

    assert result.returncode == 0
    assert re.match(rf"usage: data-sync {verb} .*\[options\].*\n\n", result.stdout)
    assert "examples:" in result.stdout


def test_largest_files_of_a_tree_are_listed_first(run, disk, aws):
    bucket = aws.make_bucket()
    for key, size in (("data/a", 1), ("data/sub/b", 3000), ("data/sub/c", 20)):
        aws.put(bucket, key, "x" * size)
    disk.write({"tree/small": "x", "tree/sub/large": "xxx"})

    remote = run("ls", "-r", "-H", "--sort", "size", "s3://bucket/data/").stdout.splitlines()
    local = run("ls", "-r", "-l", "--exclude", "small", "tree").stdout.splitlines()

    assert [line.split()[2:] for line in remote] == [
        ["2.9", "KiB", "s3://bucket/data/sub/b"],
        ["20", "B", "s3://bucket/data/sub/c"],
        ["1", "B", "s3://bucket/data/a"],
    ]
    assert [line.split()[2:] for line in local] == [["3", "tree/sub/large"]]


def test_version_of_an_object_is_read_and_copied(run, aws, disk):
    bucket = aws.make_bucket()
    s3 = aws.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="data/a", Body=b"first")["VersionId"]
    aws.put(bucket, "data/a", "second")
    uri = f"s3://bucket/data/a?versionId={version}"

    assert run("cat", uri).stdout == "first"
    assert run("cp", uri, "./").returncode == 0
    assert run("mv", uri, "b").returncode == 2
    assert disk.read() == {"a": "first"}
