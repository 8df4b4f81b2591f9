"""The handler that plans demand executions."""

from aibs_informatics_aws_lambda.common.collector import paused_collector_in_lambda

with paused_collector_in_lambda():
    from aibs_informatics_aws_lambda.common.description import HandlerDescription
    from aibs_informatics_aws_lambda.common.handler import LambdaHandler
    from aibs_informatics_aws_lambda.storage.mount_points import EFS_MOUNT_VARIABLES

    from .context_manager import DemandExecutionContextManager
    from .job import check_is_complete
    from .model import (
        DemandExecutionCleanupConfigs,
        DemandExecutionSetupConfigs,
        PrepareDemandScaffoldingRequest,
        PrepareDemandScaffoldingResponse,
    )

    # Part of the public names of this module; defined elsewhere.
    from .volumes import (
        EFS_SCRATCH_ACCESS_POINT_NAME as EFS_SCRATCH_ACCESS_POINT_NAME,
        EFS_SCRATCH_PATH as EFS_SCRATCH_PATH,
        EFS_SHARED_ACCESS_POINT_NAME as EFS_SHARED_ACCESS_POINT_NAME,
        EFS_SHARED_PATH as EFS_SHARED_PATH,
        EFS_TMP_ACCESS_POINT_NAME as EFS_TMP_ACCESS_POINT_NAME,
        EFS_TMP_PATH as EFS_TMP_PATH,
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
    """Plan the data syncs, Batch job and removals of a demand execution."""

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
            "ENV_BASE": "environment base: dev, test or prod, optionally with '-' and a label",
            "ENV_TYPE": "type of the environment, instead of ENV_BASE",
            "ENV_LABEL": "label of the environment, with ENV_TYPE",
            "AWS_REGION": "AWS region; set in every job",
            **EFS_MOUNT_VARIABLES,
        },
        iam_actions=(
            "elasticfilesystem:DescribeAccessPoints",
            "elasticfilesystem:DescribeFileSystems",
            "lambda:GetFunctionConfiguration",
            "batch:DescribeJobs",
        ),
        limits=(
            "The names of job definition and longest volume, and the revision, may have 139 "
            "characters together.",
            "Shared inputs are removed after the job unless `cleanup_inputs` is false.",
        ),
        cost="Nothing besidess the function: it transfers no data and submits no job.",
    )

    def handle(self, request: PrepareDemandScaffoldingRequest) -> PrepareDemandScaffoldingResponse:
        """Plan an execution, and write its environment file if the scratch volume is mounted.

        Raises:
            ApplicationException: no environment base is configured.
            ValueError: the execution is invalid; nothing was written.
            AWSError: an AWS request failed, or no region is configured.
            OSError: writing the environment file failed.
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
            "Planned the execution %s of type %s in %s: %d inputs, %d outputs, environment file: "
            "%s",
            request.demand_execution.execution_id,
            request.demand_execution.execution_type,
            env_base,
            len(response.setup_configs.data_sync_requests),
            len(response.cleanup_configs.data_sync_requests),
            "yes" if manager.batch_job_builder.environment_file else "no",
        )
        return response

    def setup_file_system(self, context_manager: DemandExecutionContextManager) -> None:
        """Create the working directory of an execution; not needed before ``handle``.

        Raises:
            AWSError: the lookup of local mount points failed.
            OSError: creating the directory failed.
        """
        context_manager.make_working_directory()

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
