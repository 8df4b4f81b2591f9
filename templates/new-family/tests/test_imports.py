def test_cold_start_loads_nothing_heavy(heavy_modules_loaded_by):
    assert heavy_modules_loaded_by("aibs_informatics_aws_lambda.handlers.new_family.count") == []
