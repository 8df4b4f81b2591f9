"""Data moved for specimens, notifications about them, and container runs over them."""

from aibs_informatics_aws_lambda.common.models import DefaultLambdaContext
from aibs_informatics_aws_lambda.handlers.batch.create import (
    CreateDefinitionAndPrepareArgsHandler,
)
from aibs_informatics_aws_lambda.handlers.data_sync.file_system import (
    GetDataPathStatsHandler,
    ListDataPathsHandler,
)
from aibs_informatics_aws_lambda.handlers.data_sync.model import ListDataPathsRequest
from aibs_informatics_aws_lambda.handlers.data_sync.operations import (
    BatchDataSyncHandler,
    DataSyncHandler,
    GetJSONFromFileHandler,
    PrepareBatchDataSyncHandler,
    PutJSONToFileHandler,
)
from aibs_informatics_aws_lambda.handlers.demand.model import PrepareDemandScaffoldingRequest
from aibs_informatics_aws_lambda.handlers.demand.scaffolding import (
    PrepareDemandScaffoldingHandler,
)
from aibs_informatics_aws_lambda.handlers.notifications.model import (
    NotificationContent,
    NotificationRequest,
)
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.model import SESEmailTarget
from aibs_informatics_aws_lambda.handlers.notifications.router import NotificationRouter
from aibs_informatics_core.models.data_sync import DataSyncRequest
from aibs_informatics_core.models.demand_execution import DemandExecution


def archive(folder: str, bucket: str) -> dict:
    """Sync a folder directly, and a second time in batches."""
    request = DataSyncRequest(
        source_path=folder, destination_path=f"s3://{bucket}/direct/", retain_source_data=True
    )
    synced = DataSyncHandler.run_executor(request)
    prepared = PrepareBatchDataSyncHandler.get_handler()(
        {
            "source_path": folder,
            "destination_path": f"s3://{bucket}/batches/",
            "batch_size_bytes_limit": 6,
        },
        CONTEXT,
    )
    batches = [
        BatchDataSyncHandler.get_handler()(batch, CONTEXT) for batch in prepared["requests"]
    ]
    return {
        "destination": synced["request"]["destination_path"],
        "batches": len(prepared["requests"]),
        "failed": [len(batch.get("failed_requests", [])) for batch in batches],
    }


def inventory(folder: str) -> dict:
    request = ListDataPathsRequest(path=folder, include=[".*tiff"])
    listed = ListDataPathsHandler.get_handler()(request.to_dict(), CONTEXT)
    stats = GetDataPathStatsHandler.get_handler()({"path": folder}, CONTEXT)
    return {"paths": sorted(listed["paths"]), "size": stats["path_stats"]["size_bytes"]}


def remember(path: str, content: dict) -> dict:
    PutJSONToFileHandler.get_handler()({"path": path, "content": content}, CONTEXT)
    return GetJSONFromFileHandler.get_handler()({"path": path}, CONTEXT)


def notify(recipient: str, subject: str) -> int:
    request = NotificationRequest(
        content=NotificationContent(subject=subject, message="All specimens are sorted."),
        targets=[SESEmailTarget(recipients=[recipient])],
    )
    NotificationRouter.get_handler()(request.to_dict(), CONTEXT)
    return len(request.targets)


def plan_run(specimen_id: str) -> dict:
    execution = DemandExecution.from_dict(
        {
            "execution_type": "sort",
            "execution_id": specimen_id,
            "execution_image": "ghcr.io/specimens/sort:1.0",
            "execution_parameters": {
                "command": ["sort", "${scan}"],
                "params": {"scan": "s3://scans-raw/incoming/a.tiff", "sorted": "sorted"},
                "inputs": ["scan"],
                "outputs": ["sorted"],
                "output_s3_prefix": "s3://scans-sorted/runs",
            },
            "execution_platform": {"aws_batch": {"job_queue_name": "queue"}},
            "resource_requirements": {"vcpus": 2, "memory": 4096},
        }
    )
    request = PrepareDemandScaffoldingRequest(
        demand_execution=execution,
        file_system_configurations=VOLUMES,
        context_manager_configuration={"env_file_write_mode": "NEVER"},
    )
    response = PrepareDemandScaffoldingHandler.get_handler()(request.to_dict(), CONTEXT)
    setup = response["setup_configs"]
    return {
        "create": sorted(setup["batch_create_request"]),
        "syncs": [sync["source_path"] for sync in setup["data_sync_requests"]],
        "outputs": [
            sync["destination_path"] for sync in response["cleanup_configs"]["data_sync_requests"]
        ],
    }


def register(image: str) -> dict:
    response = CreateDefinitionAndPrepareArgsHandler.get_handler()(
        {
            "image": image,
            "job_definition_name": "sort",
            "job_queue_name": "queue",
            "command": ["sort"],
            "environment": {"KIND": "specimen"},
            "resource_requirements": {"MEMORY": 2048, "VCPU": 1},
        },
        CONTEXT,
    )
    return {name: response[name] for name in ("job_name", "container_overrides")}


VOLUMES = {
    "shared": {"file_system": "volume", "access_point": "shared"},
    "scratch": {"file_system": "volume", "access_point": "scratch"},
}
CONTEXT = DefaultLambdaContext()
