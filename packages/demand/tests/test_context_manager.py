from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from aibs_informatics_aws_lambda.common.env import EnvBase
from aibs_informatics_aws_lambda.handlers.demand.context_manager import (
    DemandExecutionContextManager,
    get_batch_job_queue_name,
    update_demand_execution_parameter_inputs,
    update_demand_execution_parameter_outputs,
)
from aibs_informatics_aws_lambda.handlers.demand.execution import DemandExecution
from aibs_informatics_aws_lambda.handlers.demand.model import ContextManagerConfiguration
from hypothesis import HealthCheck, given, settings, strategies as st

REMOTE = "s3://bucket/raw/a.fastq"
WORKING = "/opt/efs/scratch/exec-0001"
SHARED = "/opt/efs/shared"
DIGEST = "9d4ae859e6a6da4a9f1f14f6c4fd1cf1c334f7fed86efdf781fa3a193232381d"
FS = "fs-12345678"


@pytest.fixture
def manage(make_execution, make_volume):
    """Return a context manager of an execution with the usual volumes, or others."""

    def make(parameters=None, configuration=None, volumes=None, **fields):
        return DemandExecutionContextManager(
            DemandExecution.from_dict(make_execution(parameters, **fields)),
            *(volumes or (make_volume("/opt/efs/scratch"), make_volume(SHARED, read_only=True))),
            configuration=ContextManagerConfiguration.from_dict(configuration or {}),
            env_base=EnvBase("dev-golden"),
        )

    return make


def params_of(manager) -> dict:
    return manager.demand_execution.execution_parameters.params


def values_of(manager) -> dict:
    params = manager.demand_execution.execution_parameters.job_params
    return {param.name: param.value for param in params}


def test_inputs_and_outputs_get_paths_in_the_working_directory(manage):
    manager = manage()

    assert params_of(manager) == {
        "in": f"{REMOTE} @ {WORKING}/tmp9d4ae859",
        "out": f"{WORKING}/aligned @ s3://bucket/results/aligned",
        "threads": 8,
    }


def test_shared_inputs_are_named_by_the_hash_of_their_s3_uri(manage):
    params = {
        "in": {"local": "l", "remote": REMOTE, "include": "x"},
        "in2": "s3://bucket/raw/${F}",
        "f": "a.fastq",
    }
    manager = manage(
        {"params": params, "inputs": ["in", "in2"], "outputs": []}, {"isolate_inputs": False}
    )

    assert values_of(manager)["in"] == values_of(manager)["in2"] == f"{SHARED}/{DIGEST}"


def test_s3_uris_are_returned_unchanged_and_synced_without_double_slashes(
    manage,
):
    manager = manage({"params": {"in": "s3://bucket//raw//a", "out": "o @ s3://bucket//q"}})

    assert params_of(manager) == {
        "in": f"s3://bucket//raw//a @ {WORKING}/tmp60689435",
        "out": f"{WORKING}/o @ s3://bucket//q",
    }
    [download] = manager.pre_execution_data_sync_requests
    [upload] = manager.post_execution_data_sync_requests
    assert (download.source_path, upload.destination_path) == (
        "s3://bucket/raw/a",
        "s3://bucket/q",
    )


def test_an_absolute_path_on_a_volume_is_kept(manage):
    manager = manage({"params": {"in": f"{REMOTE} @ {SHARED}/ref/a", "out": f"{WORKING}/deep/o"}})

    assert values_of(manager) == {"in": f"{SHARED}/ref/a", "out": f"{WORKING}/deep/o"}
    assert manager.pre_execution_data_sync_requests[0].destination_path == f"{FS}:/shared/ref/a"


@pytest.mark.parametrize("path", ["/etc/x", "/opt/efs", "/opt/efs/scratch/../other/x", "/"])
def test_an_absolute_path_outside_of_every_volume_is_an_error_that_names_it(manage, path):
    with pytest.raises(ValueError, match=f"'{path}' is not on a mounted EFS file system"):
        manage({"params": {"in": f"{REMOTE} @ {path}", "out": "o"}})


@pytest.mark.parametrize(
    "path", ["/opt/efs/scratch", f"{SHARED}/", f"{SHARED}/x/..", "/opt/efs/scratch/tmp"]
)
@pytest.mark.parametrize("name", ["in", "out"])
def test_a_directory_of_all_executions_is_never_synced(manage, path, name):
    params = {"in": REMOTE, "out": "o"} | {name: f"{REMOTE} @ {path}" if name == "in" else path}

    with pytest.raises(ValueError, match=f"'{name}' is or contains a directory that all"):
        manage({"params": params})


def test_the_root_of_another_volume_is_recognised_below_this_one(manage, make_volume):
    volumes = make_volume("/whole", "/"), make_volume(SHARED)

    with pytest.raises(ValueError, match="'out' is or contains a directory that all"):
        manage({"params": {"in": REMOTE, "out": "/whole/shared"}}, volumes=volumes)


def test_two_volumes_with_one_container_path_are_an_error(manage, make_volume):
    with pytest.raises(ValueError, match="several volumes have the container path /mnt"):
        manage(volumes=(make_volume("/mnt", "/scratch"), make_volume("/mnt", "/shared")))


@pytest.mark.parametrize("execution_id", ["tmp", "shared"])
def test_an_id_must_not_name_a_directory_of_all_executions(manage, make_volume, execution_id):
    volumes = make_volume("/opt/efs"), make_volume(SHARED)

    with pytest.raises(ValueError, match=f"invalid execution_id '{execution_id}'"):
        manage(volumes=volumes, execution_id=execution_id)


def test_the_id_tmp_is_valid_with_a_volume_for_temporary_files(manage, make_volume):
    volumes = make_volume("/opt/efs/scratch"), make_volume(SHARED), make_volume("/opt/efs/tmp")

    manager = manage(volumes=volumes, execution_id="tmp")

    assert str(manager.efs_working_path) == f"{FS}:/scratch/tmp"
    assert str(manager.efs_tmp_path) == f"{FS}:/tmp"


def test_the_innermost_volume_applies(manage, make_volume):
    volumes = make_volume("/opt/efs", "/scratch"), make_volume(SHARED, "/shared")

    manager = manage(configuration={"isolate_inputs": False}, volumes=volumes)

    assert values_of(manager)["in"] == f"{SHARED}/{DIGEST}"
    [download] = manager.pre_execution_data_sync_requests
    assert download.destination_path == f"{FS}:/shared/{DIGEST}"
    assert str(manager.container_tmp_path) == "/opt/efs/tmp"


@pytest.mark.parametrize("isolated", [True, False])
def test_references_of_outputs_are_resolved_with_the_values_of_the_request(manage, isolated):
    manager = manage(
        {"params": {"in": REMOTE, "out": "${IN}/x", "index": "${IN}/index"}},
        {"isolate_inputs": isolated},
    )

    final = f"{WORKING}/tmp9d4ae859" if isolated else f"{SHARED}/{DIGEST}"
    assert params_of(manager)["out"] == (
        f"{WORKING}/tmp9d4ae859/x @ s3://bucket/results/tmp9d4ae859/x"
    )
    assert params_of(manager)["index"] == "${IN}/index"
    assert values_of(manager)["index"] == f"{final}/index"


def test_paths_with_whitespace_are_returned_as_objects(manage):
    manager = manage({"params": {"in": REMOTE, "out": "${S}/x", "s": "a b"}})

    assert params_of(manager)["out"] == {
        "action": "DELOCALIZE",
        "local": f"{WORKING}/a b/x",
        "remote": "s3://bucket/results/a b/x",
    }


def test_syncs_have_the_fields_of_a_data_sync(manage):
    configuration = {
        "input_data_sync_configuration": {
            "force": True,
            "temporary_request_payload_path": "s3://bucket/payload//",
        },
        "output_data_sync_configuration": {
            "size_only": False,
            "temporary_request_payload_path": "s3://bucket",
        },
    }
    manager = manage(configuration=configuration)
    common = {
        "max_concurrency": 25,
        "fail_if_missing": True,
        "include_detailed_response": False,
        "remote_to_local_config": {"use_custom_tmp_dir": False},
        "batch_size_bytes_limit": 80530636800,
    }

    assert [request.to_dict() for request in manager.pre_execution_data_sync_requests] == [
        {
            **common,
            "source_path": REMOTE,
            "destination_path": f"{FS}:/scratch/exec-0001/tmp9d4ae859",
            "retain_source_data": True,
            "require_lock": True,
            "delete": False,
            "force": True,
            "size_only": True,
            "temporary_request_payload_path": "s3://bucket/payload/input_0/",
        }
    ]
    assert [request.to_dict() for request in manager.post_execution_data_sync_requests] == [
        {
            **common,
            "source_path": f"{FS}:/scratch/exec-0001/aligned",
            "destination_path": "s3://bucket/results/aligned",
            "retain_source_data": False,
            "require_lock": False,
            "delete": True,
            "force": False,
            "size_only": False,
            "temporary_request_payload_path": "s3://bucket/output_0/",
        }
    ]


def test_syncs_are_in_the_order_of_inputs_and_outputs(manage):
    params = {"a": "s3://bucket/a @ a", "b": "s3://bucket/b @ b", "y": "y", "x": "x"}
    manager = manage({"params": params, "inputs": ["b", "a", "B"], "outputs": ["x", "y"]})

    assert [r.source_path for r in manager.pre_execution_data_sync_requests] == [
        "s3://bucket/b",
        "s3://bucket/a",
        "s3://bucket/b",
    ]
    assert [r.destination_path for r in manager.post_execution_data_sync_requests] == [
        "s3://bucket/results/x",
        "s3://bucket/results/y",
    ]


@pytest.mark.parametrize(
    ("configuration", "paths"),
    [
        ({}, [["/tmp9d4ae859"], [""]]),
        ({"cleanup_inputs": False}, [[""]]),
        ({"cleanup_working_dir": False}, [["/tmp9d4ae859"]]),
        ({"cleanup_inputs": False, "cleanup_working_dir": False}, []),
    ],
)
def test_inputs_and_the_working_directory_are_removed_as_configured(manage, configuration, paths):
    removals = manage(configuration=configuration).post_execution_remove_data_paths_requests

    assert [request.to_dict()["paths"] for request in removals] == [
        [f"{FS}:/scratch/exec-0001{path}" for path in some] for some in paths
    ]


def test_without_inputs_an_empty_removal_is_returned(manage):
    manager = manage({"params": {}, "inputs": [], "outputs": []})

    assert manager.post_execution_remove_data_paths_requests[0].to_dict() == {"paths": []}


@pytest.mark.parametrize("isolated", [True, False])
def test_the_removal_of_shared_inputs_is_logged_as_a_warning(manage, caplog, isolated):
    manager = manage(configuration={"isolate_inputs": isolated})

    assert len(manager.post_execution_remove_data_paths_requests) == 2
    assert ("Set cleanup_inputs to false" in caplog.text) is not isolated


def test_inputs_and_outputs_can_be_updated_separately(make_execution):
    execution = DemandExecution.from_dict(make_execution())
    shared, working = PurePosixPath("/s"), PurePosixPath("/w")

    with_inputs = update_demand_execution_parameter_inputs(execution, shared, working)
    with_both = update_demand_execution_parameter_outputs(with_inputs, working)

    assert with_both.execution_parameters.params == {
        "in": f"{REMOTE} @ /s/{DIGEST}",
        "out": "/w/aligned @ s3://bucket/results/aligned",
        "threads": 8,
    }
    assert execution.execution_parameters.params["out"] == "aligned"


def test_the_job_queue_is_that_of_the_platform(make_execution):
    assert get_batch_job_queue_name(DemandExecution.from_dict(make_execution())) == "queue"
    without = DemandExecution.from_dict(make_execution(execution_platform={}))
    with pytest.raises(ValueError, match=r"execution_platform\.aws_batch is missing"):
        get_batch_job_queue_name(without)


def test_the_default_volumes_are_looked_up(usual, make_execution):
    execution = DemandExecution.from_dict(make_execution())

    manager = DemandExecutionContextManager.from_demand_execution(execution, EnvBase("dev-golden"))

    assert str(manager.efs_working_path) == f"{usual}:/scratch/exec-0001"
    assert [volume.read_only for volume in manager.volumes] == [False, True]
    assert str(manager.efs_shared_path) == f"{usual}:/shared"


_hostile = st.lists(
    st.sampled_from(
        ["..", ".", "", "a", "tmp", "exec-0002", "${UP}", "${IN}", "${D}{UP}", "/", "~"]
    ),
    min_size=1,
    max_size=6,
).map("/".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    local=_hostile, execution_id=st.one_of(st.text(max_size=6), _hostile), isolated=st.booleans()
)
def test_no_relative_path_and_no_id_leaves_the_working_directory(
    manage, local, execution_id, isolated
):
    local = local.lstrip("/") or "."
    params = {
        "in": f"{REMOTE} @ {local.replace('${IN}', 'x')}",
        "out": local,
        "up": "..",
        "d": "$",
    }
    try:
        manager = manage(
            {"params": params}, {"isolate_inputs": isolated}, execution_id=execution_id
        )
    except ValueError:
        return
    working = str(manager.efs_working_path)
    assert working == f"{FS}:/scratch/{execution_id}"
    assert execution_id not in ("", ".", "..", "tmp")
    paths = [request.source_path for request in manager.post_execution_data_sync_requests]
    if isolated:
        removals = manager.post_execution_remove_data_paths_requests
        paths += [path for request in removals for path in request.paths]
        paths += [request.destination_path for request in manager.pre_execution_data_sync_requests]
    for path in paths:
        assert str(path) == working or str(path).startswith(f"{working}/")
        assert ".." not in path.path.parts
