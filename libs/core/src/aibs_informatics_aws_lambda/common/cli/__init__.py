"""The command line ``handle-lambda-request``: run, check, list and describe handlers."""
