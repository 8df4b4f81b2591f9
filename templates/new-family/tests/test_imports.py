from aibs_informatics_aws_lambda.handlers import new_family

PACKAGE = "aibs_informatics_aws_lambda.handlers.new_family"


def test_cold_start_loads_nothing_heavy(heavy_modules_loaded_by):
    assert heavy_modules_loaded_by(f"{PACKAGE}.count") == []


def test_importing_the_package_loads_none_of_its_modules(modules_loaded_by):
    assert [name for name in modules_loaded_by(PACKAGE) if name.startswith(f"{PACKAGE}.")] == []


def test_public_names_are_available_from_the_package():
    assert new_family.NewFamilyHandler.__name__ == "NewFamilyHandler"
    assert new_family.NewFamilyRequest(path="s3://bucket/poem.txt").min_length == 1
