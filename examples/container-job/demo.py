"""Plan a container run, then do what the state machine `demand-execution` does with the plan.

The container's command runs in bash on this machine, as no container engine is needed for it.
"""

import json
import os
import subprocess
from pathlib import Path

from aibs_informatics_aws_lambda.common import DefaultLambdaContext, get_client
from aibs_informatics_aws_lambda.handlers.batch.create import handler as create_definition
from aibs_informatics_aws_lambda.handlers.data_sync import (
    data_sync_handler,
    remove_data_paths_handler,
)
from aibs_informatics_aws_lambda.handlers.demand import scaffolding_handler

REQUEST = Path(__file__).with_name("request.json")


def main(folder: Path) -> None:
    context = DefaultLambdaContext()
    s3 = get_client("s3")
    location = {"LocationConstraint": os.environ["AWS_REGION"]}
    s3.create_bucket(Bucket="work", CreateBucketConfiguration=location)
    s3.put_object(Bucket="work", Key="raw/reads.fastq", Body=b"@a\nACGT\n+\n!!!!\n")
    volumes = mount_volumes(folder)

    request = {**json.loads(REQUEST.read_text()), "file_system_configurations": volumes}
    plan = scaffolding_handler(request, context)

    for sync in plan["setup_configs"]["data_sync_requests"]:
        data_sync_handler(sync, context)
    job = create_definition(plan["setup_configs"]["batch_create_request"], context)
    # The name ends in a hash of image and volumes.
    print("Job definition:", job["job_definition_arn"].rpartition("/")[2].rpartition("-")[0])
    run_container(plan["setup_configs"]["batch_create_request"])
    for sync in plan["cleanup_configs"]["data_sync_requests"]:
        data_sync_handler(sync, context)
    for removal in plan["cleanup_configs"]["remove_data_paths_requests"]:
        remove_data_paths_handler(removal, context)

    result = s3.get_object(Bucket="work", Key="results/run-0001/counts.txt")["Body"].read()
    print("Lines:", result.decode().strip())
    print("Left on the volume:", [path.name for path in folder.rglob("run-0001*")])


def mount_volumes(folder: Path) -> dict:
    """Make a file system with two access points, as if mounted in folders of this machine."""
    os.environ["ENV_BASE"] = "dev"
    efs = get_client("efs")
    tags = [{"Key": "env_base", "Value": "dev"}]
    file_system = efs.create_file_system(CreationToken="work", Tags=tags)["FileSystemId"]
    volumes = {}
    for name in ("scratch", "shared"):
        path = folder / "efs" / name
        path.mkdir(parents=True)
        efs.create_access_point(
            FileSystemId=file_system,
            ClientToken=name,
            RootDirectory={"Path": f"/{name}"},
            Tags=[*tags, {"Key": "Name", "Value": name}],
        )
        volumes[name] = {"access_point": name, "container_path": str(path)}
    os.environ["EFS_MOUNT_POINT_PATH_WORK"] = str(folder / "efs")
    os.environ["EFS_MOUNT_POINT_ID_WORK"] = file_system
    return volumes


def run_container(job: dict) -> None:
    """Run the command of a job with its environment."""
    environment = {**os.environ, **job.get("environment", {})}
    subprocess.run(job["command"], env=environment, check=True)
