import sys

import pytest


@pytest.fixture
def package(monkeypatch, tmp_path):
    (tmp_path / "lazy_package").mkdir()
    (tmp_path / "lazy_package" / "__init__.py").write_text(
        "from aibs_informatics_aws_lambda.common.lazy import lazy_names\n"
        "names = {'numbers': ('ONE', 'TWO', 'ONE as FIRST')}\n"
        "__getattr__, __dir__ = lazy_names(__name__, names)\n"
    )
    (tmp_path / "lazy_package" / "numbers.py").write_text("ONE = 1\nTWO = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("lazy_package")
    for name in [name for name in sys.modules if name.startswith("lazy_package")]:
        del sys.modules[name]


def test_importing_the_package_imports_none_of_its_modules(package):
    assert "lazy_package.numbers" not in sys.modules


def test_a_name_is_imported_when_it_is_first_used_and_kept(package):
    assert package.ONE == 1
    assert vars(package)["ONE"] == 1
    assert "TWO" not in vars(package)


def test_names_can_be_imported_from_the_package(package):
    from lazy_package import TWO

    assert TWO == 2


def test_a_name_can_be_renamed(package):
    assert package.FIRST == 1


def test_dir_lists_the_names_before_they_are_imported(package):
    assert {"ONE", "TWO", "FIRST", "__name__"} <= set(dir(package))


def test_an_unknown_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="'lazy_package' has no attribute 'THREE'"):
        package.THREE  # noqa: B018
