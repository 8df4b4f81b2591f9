from aibs_informatics_core.env import EnvBase, EnvType, get_env_base


def names(env_base: EnvBase) -> dict:
    return {
        "base": str(env_base),
        "type": env_base.env_type == EnvType.DEV,
        "label": env_base.env_label,
        "function": env_base.get_function_name("catalogue"),
        "job": env_base.get_job_name("sort", "1a2b"),
        "table": env_base.get_table_name("specimens"),
        "bucket": env_base.get_bucket_name("scans", "123456789012", "us-west-2"),
        "stage": env_base.get_stage_name("build", "test"),
        "pipeline": env_base.get_pipeline_name("specimens", "nightly"),
        "parameter": env_base.get_ssm_param_name("catalogue", "size"),
    }


def current() -> EnvBase:
    return get_env_base()
