from __future__ import annotations

import json

LARGE = "".join(f"NAME_{number} = {number * 7919 % 65521}\n" for number in range(2000))


def make_app(workspace, wheelhouse, options=""):
    files = {"large.py": LARGE, "large.pyi": "..." * 1000, "large-1.0.data/scripts/large": "#!\n"}
    wheelhouse.add("large", files=files)
    wheelhouse.add("small")
    dependencies = ("large", "small")
    return workspace.add("packages/app", dependencies=dependencies, options=options)


def test_the_report_has_sizes_before_and_after_pruning(workspace, wheelhouse, build):
    built = build(make_app(workspace, wheelhouse, "exclude-files = []"))
    report = json.loads(built.size_report_path.read_text())
    large = built.sizes["large"]

    assert report["archive"] == "app-1.0.zip"
    assert report["bytes"] == built.archive.stat().st_size
    assert report["unpacked"] == sum(item["unpacked"] for item in built.sizes.values())
    assert large["version"] == "1.0"
    assert large["installed"] > len(LARGE) + 3000
    assert large["bytecode"] > 0
    assert large["unpacked"] < large["installed"] - 3000 + large["bytecode"]
    assert 0 < large["compressed"] < large["unpacked"]
    assert sum(item["compressed"] for item in built.sizes.values()) < report["bytes"]


def test_largest_distribution_comes_first(workspace, wheelhouse, build):
    built = build(make_app(workspace, wheelhouse))

    assert list(built.sizes) == ["large", *sorted(("app", "small"), key=list(built.sizes).index)]
    assert built.sizes["app"]["compressed"] < built.sizes["large"]["compressed"]


def test_the_report_has_no_bytecode_if_disabled(workspace, wheelhouse, build):
    built = build(make_app(workspace, wheelhouse, "bytecode = false"))

    assert {item["bytecode"] for item in built.sizes.values()} == {0}


def test_an_archive_above_its_budget_is_not_written(workspace, wheelhouse, refusal):
    message = refusal(make_app(workspace, wheelhouse, "max-bytes = 5000"))

    assert "app-1.0.zip is " in message
    assert "more than `max-bytes` (5000)" in message
    assert message.index("large 1.0: ") < message.index("small 1.0: ")
    assert "`exclude-files`" in message


def test_the_budget_is_exact(workspace, wheelhouse, build, refusal, monkeypatch, tmp_path):
    app = make_app(workspace, wheelhouse)
    size = build(app, directory=tmp_path / "first").archive.stat().st_size

    monkeypatch.setenv("HATCH_LAMBDA_MAX_BYTES", str(size - 1))
    assert "1 more than" in refusal(app)

    monkeypatch.setenv("HATCH_LAMBDA_MAX_BYTES", str(size))
    assert build(app).archive.stat().st_size == size
