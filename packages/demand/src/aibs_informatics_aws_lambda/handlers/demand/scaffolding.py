"""The handler that prepares demand executions."""

from __future__ import annotations

from aibs_informatics_aws_lambda.common.collector import paused_collector_in_lambda

with paused_collector_in_lambda():
    from aibs_informatics_aws_lambda.common.description import HandlerDescription
    from aibs_informatics_aws_lambda.common.handler import LambdaHandler
    from aibs_informatics_aws_lambda.storage.mount_variables import EFS_MOUNT_VARIABLES

    from .context_manager import DemandExecutionContextManager
    from .job import check_is_complete
    from .model import (
        DemandExecutionCleanupConfigs,
        DemandExecutionSetupConfigs,
        PrepareDemandScaffoldingRequest,
        PrepareDemandScaffoldingResponse,
    )

    # Names that the contracts of this module promise, and that live elsewhere.
    from .volumes import (
        SCRATCH,
        SHARED,
        TMP,
        construct_batch_efs_configuration as construct_batch_efs_configuration,
        make_inventory,
        resolve_volume,
        select_file_system as select_file_system,
    )


class PrepareDemandScaffoldingHandler(
    LambdaHandler[PrepareDemandScaffoldingRequest, PrepareDemandScaffoldingResponse]
):
    """Answer with all that a state machine needs to run a demand execution on AWS Batch."""

    description = HandlerDescription(
        example={
            "demand_execution": {
                "execution_type": "align",
                "execution_id": "run-0001",
                "execution_image": "public.ecr.aws/tools/align:1.0",
                "execution_parameters": {
                    "command": ["align", "--in", "${READS}", "--out", "${ALIGNED}"],
                    "params": {"reads": "s3://bucket/raw/reads.fastq", "aligned": "aligned.bam"},
                    "inputs": ["reads"],
                    "outputs": ["aligned"],
                    "output_s3_prefix": "s3://bucket/results/run-0001",
                },
                "execution_platform": {"aws_batch": {"job_queue_name": "queue"}},
                "resource_requirements": {"memory": 8192, "vcpus": 4},
            }
        },
        environment={
            "ENV_BASE": "the environment: dev, test or prod, optionally with '-' and a label",
            "ENV_TYPE": "its kind, where ENV_BASE is not set",
            "ENV_LABEL": "its label, beside ENV_TYPE",
            "AWS_REGION": "the region; the job gets it too",
            **EFS_MOUNT_VARIABLES,
        },
        iam_actions=(
            "elasticfilesystem:DescribeAccessPoints",
            "elasticfilesystem:DescribeFileSystems",
            "lambda:GetFunctionConfiguration",
            "batch:DescribeJobs",
        ),
    )

    def handle(self, request: PrepareDemandScaffoldingRequest) -> PrepareDemandScaffoldingResponse:
        """Plan the run of an execution, and write its environment file where EFS is mounted.

        Raises:
            ApplicationException: no environment is named.
            ValueError: the execution cannot be run; nothing has been written.
            AWSError: EFS or the mounts of this machine cannot be looked up.
            OSError: the environment file cannot be written.
        """
        env_base = self.env_base
        check_is_complete(request.demand_execution)
        manager = self._manage(request)
        response = PrepareDemandScaffoldingResponse(
            demand_execution=manager.demand_execution,
            setup_configs=DemandExecutionSetupConfigs(
                batch_create_request=manager.batch_create_request,
                data_sync_requests=manager.pre_execution_data_sync_requests,
            ),
            cleanup_configs=DemandExecutionCleanupConfigs(
                data_sync_requests=manager.post_execution_data_sync_requests,
                remove_data_paths_requests=manager.post_execution_remove_data_paths_requests,
                failure_data_sync_requests=manager.failure_data_sync_requests,
            ),
        )
        manager.write_environment_file()
        self.log.info(
            "Prepared the execution %s of type %s in %s: %d inputs, %d outputs, environment file: "
            "%s",
            request.demand_execution.execution_id,
            request.demand_execution.execution_type,
            env_base,
            len(response.setup_configs.data_sync_requests),
            len(response.cleanup_configs.data_sync_requests),
            "yes" if manager.batch_job_builder.environment_file else "no",
        )
        return response

    def _manage(self, request: PrepareDemandScaffoldingRequest) -> DemandExecutionContextManager:
        candidates = request.file_system_configurations
        inventory = make_inventory()
        roles = (SCRATCH, SHARED, TMP) if candidates.tmp else (SCRATCH, SHARED)
        scratch, shared, *tmp = (
            resolve_volume(
                role,
                candidates,
                request.demand_execution.execution_id,
                self.env_base,
                inventory,
            )
            for role in roles
        )
        return DemandExecutionContextManager(
            request.demand_execution,
            scratch,
            shared,
            tmp[0] if tmp else None,
            request.context_manager_configuration,
            self.env_base,
        )


handler = PrepareDemandScaffoldingHandler.get_handler()
