"""``python -m aibs_informatics_aws_lambda.handlers.data_sync.command_line``."""

import sys

from aibs_informatics_aws_lambda.handlers.data_sync.command_line.process import main

if __name__ == "__main__":
    sys.exit(main())
