import os
import sys

import pytest

STARTED = """
import gc, sys


class Collector:
    def find_spec(name, path=None, target=None):
        if name.endswith(".ecr.command"):
            print("collects" if gc.isenabled() else "does not collect")


sys.meta_path.insert(0, Collector)
from aibs_informatics_aws_lambda.handlers.ecr.cli import main
sys.argv[1:] = ["--version"]
sys.exit(main())
"""
CONNECTED = """
import sys

from aibs_informatics_aws_lambda.handlers.ecr.registry.connection import RegistryConnection

RegistryConnection("https://registry.example")
print("urllib.request" in sys.modules)
"""


@pytest.mark.parametrize("module", ["ecr", "ecr.replicate_image"])
def test_cold_start_loads_no_heavy_modules(heavy_modules_loaded_by, module):
    assert heavy_modules_loaded_by(f"aibs_informatics_aws_lambda.handlers.{module}") == []


def test_cold_start_loads_no_modules_of_the_command(modules_loaded_by):
    loaded = modules_loaded_by("aibs_informatics_aws_lambda.handlers.ecr.replicate_image")

    assert not [name for name in loaded if name.partition(".")[0] in ("argparse", "rich")]


def test_cold_start_loads_no_models_of_other_operations(modules_loaded_by):
    package = "aibs_informatics_aws_lambda.handlers.ecr"

    loaded = modules_loaded_by(f"{package}.replicate_image")

    unused = ("credentials", "lifecycle", "locations", "replicate_tags", "tag_selection")
    assert not {f"{package}.{name}" for name in unused} & set(loaded)


def test_start_of_the_command_loads_no_models_and_no_clients(modules_loaded_by):
    loaded = modules_loaded_by("aibs_informatics_aws_lambda.handlers.ecr.command")

    tops = {name.partition(".")[0] for name in loaded}
    assert not tops & {"boto3", "pydantic", "pydantic_core", "rich", "urllib3"}
    # A tenth of the time to start: for data classes, and for numbers that no manifest has.
    assert not tops & {"dataclasses", "decimal", "inspect"}


def test_command_is_imported_while_the_collector_is_paused(run_command):
    started = run_command(sys.executable, "-c", STARTED)

    assert started.stdout.startswith("does not collect\nreplicate-image "), started.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have settings of proxies")
def test_connection_without_proxies_does_not_load_their_module(run_command, monkeypatch):
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)

    connected = run_command(sys.executable, "-c", CONNECTED)

    assert (connected.stdout, connected.stderr) == ("False\n", "")
