from aibs_informatics_aws_lambda.handlers.batch.resource_requirements import (
    to_resource_requirements,
)


def test_requirements_are_listed_in_the_order_gpu_memory_vcpu():
    requirements = to_resource_requirements(vcpus=2, memory=1024, gpu=1)

    assert requirements == [
        {"type": "GPU", "value": "1"},
        {"type": "MEMORY", "value": "1024"},
        {"type": "VCPU", "value": "2"},
    ]


def test_unset_resources_are_left_out_and_zero_is_kept():
    assert to_resource_requirements(vcpus=2, gpu=0) == [
        {"type": "GPU", "value": "0"},
        {"type": "VCPU", "value": "2"},
    ]


def test_fractions_of_virtual_cpus_are_written_as_decimals():
    assert to_resource_requirements(vcpus=0.25) == [{"type": "VCPU", "value": "0.25"}]
