"""What moto's interpreter of state machines leaves out, added for the time of a test.

Every change is to the very version of moto that `MOTO_VERSION` names:

- parameters and results of service integrations get the letter case that Step Functions uses,
- a Distributed Map knows how each child has ended, fails where more have failed than are
  tolerated, and writes its results to S3, also where it fails,
- an execution that is started without a name gets one,
- the children of a Distributed Map can be listed, running ones included,
- the prefix of results may be a path into the state's input,
- a Fail state may raise again what a catcher has caught, whose name begins with ``States.``,
- JSONata is evaluated: moto leaves that to a virtual machine of Java that it does not have,
- services are asked where the tests have them,
- the end of an execution can be waited for,
- a definition is parsed once: that takes longer than to run it.
"""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from unittest import mock

import boto3
from botocore import xform_name
from botocore.config import Config

__all__ = ["MOTO_VERSION", "Endings", "client_at", "patched"]

MOTO_VERSION: Final = "5.2.5"

_POLLING_SECONDS: Final = 0.05
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class Endings:
    """Executions that have ended in this process: how many, to wait for the next one."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.count = 0

    def note(self) -> None:
        """Note that an execution has ended, whose status is set."""
        with self._condition:
            self.count += 1
            self._condition.notify_all()

    def wait_for_more_than(self, count: int, seconds: float) -> bool:
        """Wait until more executions than these have ended; return whether that is so in time."""
        with self._condition:
            return self._condition.wait_for(lambda: self.count > count, seconds)


@contextmanager
def patched(make_client: Callable[[str], Any], endings: Endings) -> Iterator[None]:
    """Run the block with a complete interpreter.

    Args:
        make_client: returns the boto3 client of a service.
        endings: notes each execution that ends.
    """
    import moto
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
        CustomErrorName,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
    from moto.stepfunctions.parser.asl.component.state.exec.state_map import state_map
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (  # noqa: E501
        distributed_item_processor_worker as workers,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.resource_eval.resource_eval_s3 import (  # noqa: E501
        ResourceEvalS3,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.result_writer_decl import (  # noqa: E501
        ResultWriter,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
        state_task_service_callback as callbacks,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (  # noqa: E501
        StateTaskService,
    )
    from moto.stepfunctions.parser.asl.jsonata import jsonata
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
    from moto.stepfunctions.responses import StepFunctionResponse

    if moto.__version__ != MOTO_VERSION:
        raise RuntimeError(f"these patches are for moto {MOTO_VERSION}, not {moto.__version__}")
    worker = workers.DistributedItemProcessorWorker

    def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        del region, state_credentials
        return make_client(service)

    def result_file(env: Any, part: Any, credentials: Any) -> None:
        del part, credentials
        _write_results(env, make_client("s3"))

    def terminated(communication: Any) -> None:
        communication._reflect_execution_status()
        endings.note()

    replaced: list[tuple[Any, str, Any]] = [
        (BaseExecutionWorkerCommunication, "terminated", terminated),
        (StateTaskService, "_normalise_parameters", _with_service_case),
        (StateTaskService, "_normalise_response", _with_states_case),
        (callbacks, "_DELAY_SECONDS_SYNC_CONDITION_CHECK", _POLLING_SECONDS),
        (worker, "_eval_input", _remembering_input(worker._eval_input)),
        (worker, "_eval_job", _recording_outcome(worker._eval_job)),
        (
            state_map.StateMap,
            "_eval_execution",
            _writing_results_of_failures(state_map.StateMap._eval_execution),
        ),
        (ResourceEvalS3, "_handle_put_object", staticmethod(result_file)),
        (ResultWriter, "_eval_body", _write_where_the_input_says),
        (
            StepFunctionResponse,
            "list_executions",
            _listing_children(StepFunctionResponse.list_executions),
        ),
        (CustomErrorName, "__init__", ErrorName.__init__),
        (jsonata, "_eval_jsonata", _eval_jsonata),
        (AmazonStateLanguageParser, "parse", staticmethod(_parse_once())),
    ]
    # Imported by name into each of these.
    replaced += [
        (module, "boto_client_for", client_for)
        for name, module in list(sys.modules.items())
        if name.startswith("moto.stepfunctions") and hasattr(module, "boto_client_for")
    ]
    with ExitStack() as patches:
        for owner, name, value in replaced:
            patches.enter_context(mock.patch.object(owner, name, value))
        yield


@cache
def client_at(service: str, url: str) -> Any:
    """Return a client as Step Functions has one: it does not try again by itself."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-west-2",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=300),
    )


def _eval_jsonata(expression: str) -> Any:
    # Imported here: only some state machines have expressions.
    from jsonata import Jsonata

    return Jsonata(expression).evaluate(None)


@cache
def _parse_once() -> Any:
    """Return moto's parser with a memory. What it makes of a definition has no state of its own.

    Iterations of a Map use one at the same time, too.
    """
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    return cache(AmazonStateLanguageParser.parse)


def _shapes(task: Any, service: str | None, action: str | None) -> Any:
    return _operation(task._get_boto_service_name(service), task._get_boto_service_action(action))


@cache
def _operation(service: str, action: str) -> Any:
    model = boto3.client(service, region_name="us-west-2").meta.service_model
    name = next(name for name in model.operation_names if xform_name(name) == action)
    return model.operation_model(name)


def _with_service_case(
    task: Any,
    parameters: dict[str, Any],
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    shapes = _shapes(task, boto_service_name, service_action_name)
    task._to_boto_request(parameters, shapes.input_shape)
    if shapes.name == "StartExecution":
        parameters.setdefault("name", str(uuid.uuid4()))


def _with_states_case(
    task: Any,
    response: Any,
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    shapes = _shapes(task, boto_service_name, service_action_name)
    task._from_boto_response(response, shapes.output_shape)


_lock: Final = threading.Lock()


def _children(record: Any) -> list[dict[str, Any]]:
    with _lock:
        if not hasattr(record, "children"):
            record.children = []
        children: list[dict[str, Any]] = record.children
        return children


def _running(record: Any) -> dict[int, datetime]:
    """Return the start of each running child of a Distributed Map, by its index."""
    with _lock:
        if not hasattr(record, "running"):
            record.running = {}
        running: dict[int, datetime] = record.running
        return running


def _listing_children(original: Any) -> Any:
    from moto.core.responses import ActionResult

    def list_executions(response: Any) -> Any:
        arn = response._get_param("mapRunArn")
        if not arn:
            return original(response)
        records = (
            execution.exec_worker.env.map_run_record_pool_manager.get(arn)
            for execution in response.stepfunction_backend._get_executions()
        )
        record = next(filter(None, records))
        status = response._get_param("statusFilter")
        ended = [child["Index"] for child in _children(record) if child["Status"] == status]
        started = dict(_running(record)) if status == "RUNNING" else dict.fromkeys(ended, _EPOCH)
        children = [
            {
                "executionArn": f"{arn}:{index}",
                "name": f"batch-{index}",
                "stateMachineArn": arn,
                "status": status,
                "startDate": start,
            }
            for index, start in started.items()
        ]
        return ActionResult({"executions": children})

    return list_executions


def _remembering_input(original: Any) -> Any:
    def eval_input(worker: Any, env_frame: Any) -> None:
        original(worker, env_frame)
        worker.child_input = env_frame.states.get_input()

    return eval_input


def _recording_outcome(original: Any) -> Any:
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError

    def eval_job(worker: Any, env: Any, job: Any) -> None:
        worker.child_input = job.job_input
        running = _running(worker._map_run_record)
        running[job.job_index] = datetime.now(UTC)
        original(worker, env, job)
        del running[job.job_index]
        state = env.program_state()
        child = {"Index": job.job_index, "Input": json.dumps(worker.child_input)}
        if isinstance(state, ProgramEnded):
            child |= {"Status": "SUCCEEDED", "Output": json.dumps(job.job_output)}
        else:
            details = (state.error if isinstance(state, ProgramError) else None) or {}
            child |= {
                "Status": "FAILED",
                "Error": details.get("error") or "States.Runtime",
                "Cause": details.get("cause") or "",
            }
        record = worker._map_run_record
        children = _children(record)
        with _lock:
            children.append(child)
            failed = sum(one["Status"] == "FAILED" for one in children)
        total = worker._job_pool._jobs_number
        if failed * 100 > record.tolerated_failure_percentage * total:
            job.job_output = _too_many_failed(env)
            record.inputs = [one.job_input for one in worker._job_pool._open_jobs]

    return eval_job


def _too_many_failed(env: Any) -> Exception:
    from moto.stepfunctions.parser.api import HistoryEventType
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
        CustomErrorName,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
        FailureEventException,
    )

    name = "States.ExceedToleratedFailureThreshold"
    cause = "The specified tolerated failure threshold was exceeded"
    details: Any = {"mapRunFailedEventDetails": {"error": name, "cause": cause}}
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=CustomErrorName(name),
            event_type=HistoryEventType.MapRunFailed,
            event_details=details,
        )
    )


def _writing_results_of_failures(original: Any) -> Any:
    def eval_execution(state: Any, env: Any) -> None:
        try:
            original(state, env)
        except Exception:
            if state.result_writer:
                env.stack.append([])
                state.result_writer.eval(env)
                env.stack.pop()
            raise

    return eval_execution


def _write_where_the_input_says(writer: Any, env: Any) -> None:
    env.stack.append(env.states.get_input())
    writer.parargs.eval(env=env)
    parameters = env.stack.pop()
    env.stack.pop()
    env.stack.append(parameters)
    writer.resource_eval.eval_resource(env=env)


def _write_results(env: Any, s3: Any) -> None:
    parameters = env.stack.pop()
    env.stack.pop()
    record = env.map_run_record_pool_manager.get_all().pop()
    bucket = parameters["Bucket"]
    folder = f"{parameters['Prefix'].rstrip('/')}/{record.map_run_arn.rpartition(':')[2]}"
    children = sorted(_children(record), key=lambda one: one["Index"])
    results = {
        status: [child for child in children if child["Status"] == status]
        for status in ("SUCCEEDED", "FAILED")
    }
    results["PENDING"] = [
        {"Status": "PENDING", "Input": json.dumps(item)} for item in getattr(record, "inputs", [])
    ]
    files: dict[str, list[dict[str, Any]]] = {}
    for status, entries in results.items():
        key, body = f"{folder}/{status}_0.json", json.dumps(entries).encode()
        files[status] = [{"Key": key, "Size": len(body)}] if entries else []
        if entries:
            s3.put_object(Bucket=bucket, Key=key, Body=body)
    manifest = {
        "DestinationBucket": bucket,
        "MapRunArn": record.map_run_arn,
        "ResultFiles": files,
    }
    key = f"{folder}/manifest.json"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(manifest).encode())
    env.stack.append(
        {
            "MapRunArn": record.map_run_arn,
            "ResultWriterDetails": {"Bucket": bucket, "Key": key},
        }
    )
