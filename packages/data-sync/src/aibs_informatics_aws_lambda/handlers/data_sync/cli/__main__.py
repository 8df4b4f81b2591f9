"""``python -m aibs_informatics_aws_lambda.handlers.data_sync.cli``."""

import sys

from .main import main

if __name__ == "__main__":
    sys.exit(main())
